"""Quantiles of a stream of numbers in bounded memory: the same numbers give the same answers in any order.

The bits of a float64, read as an integer, have the order of the numbers. Numbers are counted by the leading bits; as
many bits are dropped as it takes to have no more than `size` counts. How many that is follows from the numbers alone,
and so do the counts: neither knows in what order they came, or in which parts they were merged.
"""

import numpy as np

from schemas.statistics.detail import summable

SIZE = 8192
_SIGN = np.uint64(1 << 63)
_EMPTY = np.empty(0, np.uint64)


class Quantiles:
    """Counts of numbers by their leading bits; up to `size` different numbers are counted as they are.

    An answer lies in the right one of `size` ranges: it is off by about 0.1 % of the rows in ordinary data (tests),
    and where rows crowd in one range by no more than that range's width. Counts are whole numbers, of rows or of parts
    of a weight.

    >>> quantiles = Quantiles()
    >>> quantiles.add(np.arange(1_000_001))
    >>> [round(float(value), -4) for value in quantiles.at([0.0, 0.25, 0.5, 1.0])]
    [0.0, 250000.0, 500000.0, 1000000.0]
    """

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self.minimum = np.inf
        self.maximum = -np.inf
        self._dropped = 0
        self._keys = _EMPTY
        self._counts = np.empty(0, np.int64)

    def add(self, values: np.ndarray, counts: np.ndarray | None = None) -> None:
        """Take in finite numbers, [rows] of any type, each once or as often as `counts` (int64 [rows]) says."""
        values = np.asarray(values)
        if counts is None:
            ordered = np.sort(values)  # in their own type: sorting is most of the work
            found, first = _first_of_equals(ordered)
            summed = np.diff(first, append=len(ordered))
        else:
            values, counts = values[counts > 0], counts[counts > 0]
            order = np.argsort(values, kind="stable")
            found, first = _first_of_equals(values[order])
            summed = np.add.reduceat(summable(counts[order]), first) if len(first) else counts
        if not len(found):
            return
        floats = found.astype(np.float64) + 0.0  # the two zeros are one
        self.minimum, self.maximum = min(self.minimum, float(floats[0])), max(self.maximum, float(floats[-1]))
        self._join(*_together(_keys(floats) >> np.uint64(self._dropped), summed))

    def merge(self, other: "Quantiles") -> None:
        """Take in what another of the same size has seen."""
        if not len(other._keys):
            return
        self.minimum, self.maximum = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        if other._dropped > self._dropped:
            self._drop(other._dropped - self._dropped)
        self._join(*_coarser(other._keys, other._counts, self._dropped - other._dropped))

    @property
    def total(self) -> int:
        """The sum of all counts."""
        return int(summable(self._counts).sum())

    def at(self, ranks: list[float] | np.ndarray) -> np.ndarray:
        """Return the values, float64 [ranks], below which these shares of the rows are; there must be rows."""
        low, high = self._ranges()
        counts, ends = self._ends()
        wanted = np.asarray(ranks, np.float64) * float(ends[-1])
        at = np.minimum(np.searchsorted(ends, wanted, side="left"), len(ends) - 1)
        inside = np.clip((wanted - (ends[at] - counts[at])) / counts[at], 0.0, 1.0)
        return low[at] + inside * (high[at] - low[at])

    def few(self, most: int) -> list[tuple[float, int]] | None:
        """Return the different numbers and their counts, None if there are more than `most`."""
        if len(self._keys) > most or self._dropped:
            return None
        return list(zip(_floats(self._keys).tolist(), self._counts.tolist(), strict=True))

    def histogram(self, edges: np.ndarray) -> np.ndarray:
        """Return how many rows are from each edge to the next, float64 [edges - 1]; the last edge is within.

        The edges must span all numbers.
        """
        low, high = self._ranges()
        counts, ends = self._ends()
        begun = np.searchsorted(low, edges, side="left")  # ranges that begin below the edge
        last = np.maximum(begun - 1, 0)
        width = high[last] - low[last]
        inside = np.clip((edges - low[last]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
        share = np.where((width > 0) & (edges < high[last]), inside, 1.0)
        below = np.where(begun > 0, ends[last] - counts[last] * (1.0 - share), 0.0)
        below[-1] = ends[-1]
        return np.diff(below)

    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the counts and their sums up to each: int64, or float64 where that could wrap."""
        exact = summable(self._counts)
        ends = np.cumsum(exact)
        return (exact, ends) if exact.dtype != object else (exact.astype(np.float64), ends.astype(np.float64))

    def _ranges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the greatest number that each count may be of."""
        dropped = np.uint64(self._dropped)
        rest = np.uint64((1 << self._dropped) - 1)
        low, high = _floats(self._keys << dropped), _floats((self._keys << dropped) | rest)
        return np.maximum(low, self.minimum), np.minimum(high, self.maximum)

    def _join(self, keys: np.ndarray, counts: np.ndarray) -> None:
        """Take in counts by sorted keys."""
        if len(self._keys):
            keys, counts = np.concatenate([self._keys, keys]), np.concatenate([self._counts, counts])
            order = np.argsort(keys, kind="stable")
            keys, counts = _together(keys[order], counts[order])
        self._keys, self._counts = keys, counts
        while len(self._keys) > self.size:
            self._drop(1)

    def _drop(self, bits: int) -> None:
        self._keys, self._counts = _coarser(self._keys, self._counts, bits)
        self._dropped += bits


def _keys(floats: np.ndarray) -> np.ndarray:
    """Return integers (uint64) in the order of the numbers."""
    bits = floats.view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _floats(keys: np.ndarray) -> np.ndarray:
    """Return the numbers of keys."""
    return np.where(keys & _SIGN, keys ^ _SIGN, ~keys).view(np.float64)


def _first_of_equals(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different ones of sorted values, and where each begins."""
    if not len(ordered):
        return ordered, np.empty(0, np.int64)
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return ordered[first], first


def _together(ordered: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different ones of sorted keys, and the sums of their counts."""
    found, first = _first_of_equals(ordered)
    return found, np.add.reduceat(summable(counts), first) if len(found) < len(ordered) else counts


def _coarser(keys: np.ndarray, counts: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    return _together(keys >> np.uint64(bits), counts)
