"""Skew: any difference between the values that two paths gave one feature or score of the same raw record.

Values are compared as bits of float32, not within a tolerance. The one exception is NaN, whose bits JSON cannot
carry: NaN equals NaN.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class PathValues:
    """What one path made of the records: `values` is float32 [n, k], `rows[i]` the raw record behind `values[i]`."""

    rows: np.ndarray
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class ColumnSkew:
    """One column of one path against the reference path.

    `compared` rows were found in both paths, `different` of them differ in a bit, `unpaired` were found in one path
    only or twice; `largest` is the largest absolute difference, `first_row` the first raw record concerned, -1 if
    there is none.
    """

    path: str
    column: str
    compared: int
    different: int
    unpaired: int
    largest: float
    first_row: int

    @property
    def equal(self) -> bool:
        """Whether every row was found in both paths with the same bits."""
        return self.different == 0 and self.unpaired == 0


def compare(columns: Sequence[str], reference: PathValues, others: Mapping[str, PathValues]) -> list[ColumnSkew]:
    """Compare every other path with the reference, column by column.

    >>> a = PathValues(np.array([0, 1]), np.array([[1.0], [2.0]], np.float32))
    >>> b = PathValues(np.array([1, 0]), np.array([[2.5], [1.0]], np.float32))
    >>> [(skew.compared, skew.different, skew.first_row) for skew in compare(["fare"], a, {"stream": b})]
    [(2, 1, 1)]
    """
    return [skew for name, other in others.items() for skew in _compare_path(name, columns, reference, other)]


def _compare_path(path: str, columns: Sequence[str], one: PathValues, other: PathValues) -> list[ColumnSkew]:
    for values in (one.values, other.values):
        if values.dtype != np.float32 or values.ndim != 2 or values.shape[1] != len(columns):
            raise ValueError(f"{path}: values are {values.dtype}{values.shape}, wanted float32 [n, {len(columns)}]")
    rows, at_one, at_other = np.intersect1d(one.rows, other.rows, return_indices=True)
    alone = np.setxor1d(one.rows, other.rows)
    repeated = len(one.rows) - len(np.unique(one.rows)) + len(other.rows) - len(np.unique(other.rows))
    left, right = one.values[at_one], other.values[at_other]
    differs = (_bits(left) != _bits(right)) & ~(np.isnan(left) & np.isnan(right))
    result = []
    for index, column in enumerate(columns):
        concerned = np.concatenate([rows[differs[:, index]], alone])
        result.append(
            ColumnSkew(
                path=path,
                column=column,
                compared=len(rows),
                different=int(differs[:, index].sum()),
                unpaired=len(alone) + repeated,
                largest=_largest(left[:, index], right[:, index]),
                first_row=int(concerned.min()) if len(concerned) else -1,
            )
        )
    return result


def _bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(np.uint32)


def _largest(left: np.ndarray, right: np.ndarray) -> float:
    both = ~(np.isnan(left) | np.isnan(right))
    differences = np.abs(left[both].astype(np.float64) - right[both].astype(np.float64))
    return float(differences.max()) if len(differences) else 0.0
