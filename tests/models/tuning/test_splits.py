"""Splits in files and in parts: what is read is what was written."""

import numpy as np
import pyarrow as pa

from models.families.family import Split
from models.families.split_parts import joined, rows_of
from models.tuning.kept_splits import keep, kept
from transforms.examples.examples import TEXTS


def split_of(first: int, rows: int, weight: bool) -> Split:
    numbers = np.arange(first, first + rows, dtype=np.float32)
    names = pa.array([None if row % 3 == 0 else f"name {row % 2}" for row in range(rows)]).cast(TEXTS)
    return Split(np.stack([numbers, -numbers], axis=1), numbers % 2, {"who": names}, numbers if weight else None)


def same(one: Split, other: Split) -> bool:
    arrays = [(one.features, other.features), (one.label, other.label)]
    arrays += [] if one.weight is None or other.weight is None else [(one.weight, other.weight)]
    return all(np.array_equal(left, right) for left, right in arrays) and {
        name: column.to_pylist() for name, column in one.slices.items()
    } == {name: column.to_pylist() for name, column in other.slices.items()}


def test_a_kept_split_is_the_same_and_mapped(tmp_path):
    for weight in (True, False):
        split = split_of(1, 20, weight)
        keep(split, tmp_path / str(weight))
        found = kept(tmp_path / str(weight))
        assert same(split, found)
        assert (found.weight is None) is (split.weight is None)
        assert isinstance(found.features, np.memmap)


def test_rows_of_two_splits_and_some_of_one():
    one, other = split_of(0, 6, weight=True), split_of(6, 5, weight=False)
    both = joined(one, other)
    assert same(rows_of(both, np.arange(11) < 6), one)
    rest = rows_of(both, np.arange(6, 11))
    assert same(rest, other)
    assert rest.weight is not None
    assert rest.weight.tolist() == [1.0] * 5
    assert joined(other, other).weight is None
