"""Sums of numbers and of their squares without any rounding, so that they are the same in every order of adding.

Floats are cut into limbs of a few bits each, all multiples of one unit: products of limbs, summed over a block of rows,
are whole numbers of a unit that a float64 holds exactly, whichever way BLAS adds them up. Blocks are summed as Python's
integers. Mean and deviation are then rounded once, at the end.
"""

import dataclasses
import fractions
import math

import numpy as np

_ROWS = 1 << 13  # what fits a processor's cache
_BITS = 19  # products of two limbs over 2^13 rows: 51 bits
_WEIGHTED_BITS = 13  # products of three: 52 bits
_SCALE = 1100  # every float64 is a multiple of 2^-1074
_EXACT = 2**53
_INT64 = 2**63


@dataclasses.dataclass
class ExactMoments:
    """Weight, weighted sum and sum of squares of numbers, exact: whole numbers of 2^-1100, 2^-2200 and 2^-3300.

    >>> moments = ExactMoments()
    >>> moments.add(np.array([1e16, 1.0, -1e16, 1.0]))
    >>> moments.mean
    0.5
    """

    weight: int = 0
    first: int = 0
    second: int = 0

    def add(self, values: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Take in finite numbers, float32, float64 or int64 [rows], each as often as its weight (float32) says."""
        if weights is None and values.dtype == np.int64 and _squares_fit(values):
            self.weight += len(values) << _SCALE
            self.first += int(values.sum()) << 2 * _SCALE
            self.second += int(values @ values) << 3 * _SCALE
            return
        for start in range(0, len(values), _ROWS):
            part = slice(start, start + _ROWS)
            self._add_block(values[part], None if weights is None else weights[part])

    def merge(self, other: "ExactMoments") -> None:
        """Take in what another has seen."""
        self.weight += other.weight
        self.first += other.first
        self.second += other.second

    @property
    def mean(self) -> float:
        """The mean, rounded once; there must be a weight."""
        return float(fractions.Fraction(self.first, self.weight << _SCALE))

    @property
    def std(self) -> float:
        """The standard deviation of the whole (not of a sample), rounded once; there must be a weight."""
        distances = self.second * self.weight - self.first * self.first
        return math.sqrt(fractions.Fraction(distances, self.weight * self.weight << 2 * _SCALE))

    def _add_block(self, values: np.ndarray, weights: np.ndarray | None) -> None:
        bits = _BITS if weights is None else _WEIGHTED_BITS
        limbs = np.concatenate([_limbs(part, bits) for part in _floats(values)])
        if weights is None:
            self.weight += len(values) << _SCALE
            self.first += sum(_scaled(one, _SCALE) for one in limbs.sum(axis=1).tolist()) << _SCALE
            self.second += sum(_scaled(one, 2 * _SCALE) for one in (limbs @ limbs.T).ravel().tolist()) << _SCALE
            return
        for limb in _limbs(weights.astype(np.float64), bits):
            weighted = limbs * limb
            self.weight += _scaled(float(limb.sum()), _SCALE)
            self.first += sum(_scaled(one, 2 * _SCALE) for one in weighted.sum(axis=1).tolist())
            self.second += sum(_scaled(one, 3 * _SCALE) for one in (weighted @ limbs.T).ravel().tolist())


def _squares_fit(values: np.ndarray) -> bool:
    """Return whether an int64 holds the sum of the squares of whole numbers."""
    largest = max(int(values.max(initial=0)), -int(values.min(initial=0)))
    return len(values) * largest * largest < _INT64


def _floats(values: np.ndarray) -> list[np.ndarray]:
    """Return float64 arrays whose sum, row by row, is exactly the values."""
    if values.dtype.kind == "f" or not len(values) or max(int(values.max()), -int(values.min())) <= _EXACT:
        return [values.astype(np.float64)]
    return [(values >> 32).astype(np.float64) * 2.0**32, (values & 0xFFFFFFFF).astype(np.float64)]


def _limbs(values: np.ndarray, bits: int) -> np.ndarray:
    """Return float64 [limbs, rows] whose sum is exactly the values, each limb a multiple of a unit, 2^bits at most."""
    limbs, rest = [], values
    while largest := float(np.abs(rest).max(initial=0.0)):
        unit = math.ldexp(1.0, max(math.frexp(largest)[1] - bits, -1074))
        grid = unit * 1.5 * 2.0**52
        limb = (rest + grid) - grid
        limbs.append(limb)
        rest = rest - limb
    return np.stack(limbs) if limbs else np.empty((0, len(values)))


def _scaled(value: float, scale: int) -> int:
    """Return a float in whole numbers of 2^-scale; it must be one."""
    mantissa, exponent = math.frexp(value)
    whole, shift = int(mantissa * 2.0**53), exponent - 53 + scale
    return whole << shift if shift >= 0 else whole >> -shift
