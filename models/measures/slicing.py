"""The rows of each value of a slice."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

SHOWN = 50
"""Values of a slice, the most frequent ones, that an evaluation lists."""


class SliceValue(NamedTuple):
    """One value of a slice, None where it is missing, and the numbers of its rows, ascending (int64)."""

    value: str | None
    rows: np.ndarray


def values_of(column: pa.DictionaryArray, fewest: int | None = None) -> list[SliceValue]:
    """Return the values of a slice, the most frequent first: `SHOWN` of them, and all of `fewest` rows or more.

    >>> column = pa.array(["b", None, "b", "a"]).dictionary_encode()
    >>> [(one.value, one.rows.tolist()) for one in values_of(column)]
    [('b', [0, 2]), (None, [1]), ('a', [3])]
    """
    names = [None, *column.dictionary.to_pylist()]
    codes = column.indices.fill_null(-1).to_numpy() + 1
    counts = np.bincount(codes, minlength=len(names))
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda code: (-counts[code], names[code] or "", code))
    by_code, ends = np.argsort(codes, kind="stable"), np.cumsum(counts)
    enough = SHOWN if fewest is None else max(SHOWN, int((counts >= fewest).sum()))
    return [SliceValue(names[code], by_code[ends[code] - counts[code] : ends[code]]) for code in order[:enough]]
