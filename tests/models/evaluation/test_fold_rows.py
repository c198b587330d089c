"""Folds: every row is scored once, groups stay together, time goes on."""

import numpy as np
import pyarrow as pa
import pytest

from models.evaluation.fold_rows import fold_rows
from models.evaluation.folds import Folds
from models.families.family import Split
from schemas.errors import InputError
from transforms.examples.examples import TEXTS


def split_of(rows, texts=None):
    values = np.arange(rows, dtype=np.float32)
    slices = {} if texts is None else {"who": pa.array(texts).cast(TEXTS)}
    return Split(np.stack([values, values % 7], axis=1), values % 2, slices)


def test_by_hash_every_row_is_scored_once_and_seen_by_no_other_part_of_its_fold():
    found = fold_rows(Folds(count=5, seed=3), split_of(1000), "set")
    assert (np.sum([fold.scored for fold in found], axis=0) == 1).all()
    assert (np.sum([fold.stop for fold in found], axis=0) == 1).all()
    for fold in found:
        assert (fold.train.astype(int) + fold.stop + fold.scored == 1).all()
        assert 150 < fold.scored.sum() < 250


def test_the_fold_of_a_row_follows_from_the_row_and_the_seed_alone():
    folds = Folds(count=4, seed=3)
    few, many = fold_rows(folds, split_of(300), "set"), fold_rows(folds, split_of(900), "set")
    assert all(np.array_equal(one.scored, other.scored[:300]) for one, other in zip(few, many, strict=True))
    other = fold_rows(Folds(count=4, seed=4), split_of(300), "set")
    assert not np.array_equal(few[0].scored, other[0].scored)


def test_a_group_and_rows_without_one_are_in_one_fold():
    texts = [None if row % 11 == 0 else f"group {row % 40}" for row in range(400)]
    found = fold_rows(Folds(count=3, group_by="who"), split_of(400, texts), "set")
    for group in set(texts):
        rows = np.array([text == group for text in texts])
        assert sum(bool((fold.scored & rows).any()) for fold in found) == 1


def test_by_time_what_is_scored_is_later_than_what_was_trained_on():
    texts = [str(1_700_000_000_000 + (row * 37) % 500 * 1000) for row in range(500)]
    times = np.array([float(text) for text in texts])
    found = fold_rows(Folds(count=4, time_by="who"), split_of(500, texts), "set")
    for before, fold in zip([None, *found], found, strict=False):
        assert times[fold.train].max() < times[fold.stop].min() <= times[fold.stop].max() < times[fold.scored].min()
        assert before is None or (before.train <= fold.train).all()
    assert sum(fold.scored.sum() for fold in found) == pytest.approx(500 * 4 / 6, abs=3)


def test_a_column_that_is_not_there_is_one_line():
    with pytest.raises(InputError, match=r"set: its examples do not carry column 'x' \(they carry who\)"):
        fold_rows(Folds(count=3, group_by="x"), split_of(9, ["a"] * 9), "set")
    with pytest.raises(InputError, match="set: 2 rows have no number in 'who'"):
        fold_rows(Folds(count=3, time_by="who"), split_of(9, ["1"] * 7 + [None, "noon"]), "set")
