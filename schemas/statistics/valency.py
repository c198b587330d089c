"""How many values the rows of a column have: rows with a value, without one, and the lengths of lists."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.statistics.detail import WEIGHT_UNIT, Detail, whole_weights
from schemas.statistics.quantiles import Quantiles


@dataclasses.dataclass(frozen=True)
class Values:
    """What a block has of a column: its values (Arrow, no nulls), and the weight of each if rows have weights."""

    array: pa.Array
    weights: np.ndarray | None


class Valency:
    """Rows seen of a column. `present` of them have a value; weights are sums of whole numbers of `WEIGHT_UNIT`.

    A column of one value per row keeps no lengths: `lengths` is None. An empty list is a missing value, as everywhere.
    """

    def __init__(self, detail: Detail, lists: bool, weighted: bool):
        self.present = 0
        self.values = 0
        self.lengths = Quantiles(detail.quantiles) if lists else None
        self.weighted = weighted
        self._present_weight = 0
        self._values_weight = 0

    def add(self, column: pa.Array, weights: np.ndarray | None) -> Values:
        """Take in one column of a block, weights float32 [rows]; return its values."""
        if self.lengths is not None or column.null_count:
            known = column.is_valid() if self.lengths is None else _any_value(column)
            column, weights = column.filter(known), None if weights is None else weights[np.asarray(known)]
        self.present += len(column)
        array = column
        if self.lengths is not None:
            array = column.flatten()
            lengths = np.asarray(pc.list_value_length(column), np.int64)
            self.lengths.add(lengths)
        self.values += len(array)
        if weights is None:
            return Values(array, None)
        self._present_weight += int(whole_weights(weights).sum())
        if self.lengths is not None:
            weights = np.repeat(weights, lengths)
        self._values_weight += int(whole_weights(weights).sum())
        return Values(array, weights)

    def merge(self, other: "Valency") -> None:
        """Take in what another has seen."""
        self.present += other.present
        self.values += other.values
        self._present_weight += other._present_weight
        self._values_weight += other._values_weight
        if self.lengths is not None and other.lengths is not None:
            self.lengths.merge(other.lengths)

    @property
    def present_weight(self) -> float:
        """The weight of the rows that have a value."""
        return self._present_weight * WEIGHT_UNIT

    @property
    def values_weight(self) -> float:
        """The weight of the values: of each row's as often as it has values."""
        return self._values_weight * WEIGHT_UNIT


def _any_value(column: pa.Array) -> pa.Array:
    """Return which rows of a column of lists have a value (booleans)."""
    return pc.greater(pc.list_value_length(column), 0).fill_null(False)
