"""Statistics of raw batches per column: added batch by batch, merged, and written as tensorflow_metadata protos.

What comes out reads like the output of TensorFlow Data Validation, `protos.py` says how. It depends on the rows alone:
not on their order, not on the batches that they came in, not on the order in which parts were merged.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import statistics_pb2

from schemas.column import Column, Kind
from schemas.schema import Schema
from schemas.statistics import protos
from schemas.statistics.detail import SLICE, WEIGHT_UNIT, Detail, whole_weights
from schemas.statistics.numbers import NumberStatistics
from schemas.statistics.texts import TextStatistics

MAX_DISTINCT = Detail().texts
MAX_SLICES = 100
"""A column of more different values than this has no slices in the statistics."""
# A block costs every column some calls, and every column of every slice as many, whatever few rows the slice has in
# it; a larger one is too large for a processor's cache. Taxi with 127 slices, 500,000 rows: 3.1 s by blocks of 2^16
# rows, 1.9 s where the slices wait for 2^18.
_BLOCK = 1 << 16, 32 * 1024 * 1024
_SLICED_BLOCK = 1 << 18, 64 * 1024 * 1024


class ColumnStatistics:
    """Statistics of every column of a schema over the raw batches added, and of each slice: the rows of one value.

    `slices` are names of columns of the schema; `weighted` says that every batch comes with its rows' weights.

    >>> schema = Schema.from_text('feature { name: "fare" type: FLOAT }')
    >>> statistics = ColumnStatistics(schema)
    >>> statistics.add(pa.RecordBatch.from_pydict({"fare": [1.0, 3.0, None]}))
    >>> statistics.rows, statistics.columns["fare"].mean
    (3, 2.0)
    """

    def __init__(self, schema: Schema, slices: Sequence[str] = (), weighted: bool = False):
        self._described: tuple[Column, ...] = schema.columns
        self._weighted = weighted
        self._whole = _Part(self._described, Detail.of(len(self._described)), weighted)
        scalar = {column.name for column in self._described if column.value_count is None}
        self._slices: dict[str, dict[str, _Part] | None] = {name: {} for name in slices if name in scalar}
        self._waiting, self._waiting_for_slices = _Waiting(*_BLOCK), _Waiting(*_SLICED_BLOCK)

    def add(self, batch: pa.RecordBatch, weight: np.ndarray | None = None) -> None:
        """Take in a raw batch, and its rows' weights (float32 [rows], 0 or more) where the statistics are weighted.

        Columns that the schema does not name are left out.
        """
        batch = batch.select([column.name for column in self._described])
        # A copy: what waits as a part of a block keeps all of the block in memory, of other splits and columns too.
        batch = batch.take(pa.array(np.arange(batch.num_rows)))
        if not self._weighted:
            weight = None  # a block without rows has some, of no row
        elif weight is None:
            weight = np.ones(batch.num_rows, np.float32)
        self._waiting.add(batch, weight)
        if self._waiting.full:
            self._count()
        if any(parts is not None for parts in self._slices.values()):
            self._waiting_for_slices.add(batch, weight)
        if self._waiting_for_slices.full:
            self._count_slices()

    def merge(self, other: "ColumnStatistics") -> None:
        """Take in what another of the same schema and weights, and of these slices or more, has seen."""
        self._settle()
        other._settle()
        self._whole.merge(other._whole)
        for name, mine in self._slices.items():
            parts = other._slices[name]
            if parts is None or mine is None:
                self._slices[name] = None
                continue
            for value, part in parts.items():
                self._slice_of(mine, value).merge(part)
            self._bound(name)

    @property
    def rows(self) -> int:
        """How many rows were added."""
        self._settle()
        return self._whole.rows

    @property
    def columns(self) -> Mapping[str, NumberStatistics | TextStatistics]:
        """The statistics of every column."""
        self._settle()
        return self._whole.columns

    @property
    def slices(self) -> Mapping[str, Sequence[str]]:
        """The values of every column of slices; none of a column that has too many."""
        self._settle()
        return {name: sorted(parts or ()) for name, parts in self._slices.items()}

    def to_proto(self, name: str) -> statistics_pb2.DatasetFeatureStatisticsList:
        """Return the statistics as a dataset of that name, and one per slice behind it, called `column_value`.

        Personal columns keep their counts, not their values.
        """
        self._settle()
        listed = statistics_pb2.DatasetFeatureStatisticsList()
        self._whole.describe(listed.datasets.add(name=name), self._described, ranks=True)
        for column, parts in self._slices.items():
            for value, part in sorted((parts or {}).items()):
                part.describe(listed.datasets.add(name=f"{column}_{value}"), self._described, ranks=False)
        return listed

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return self.__dict__

    def _settle(self) -> None:
        """Count all rows that wait."""
        self._count()
        self._count_slices()

    def _count(self) -> None:
        for batch, weights in self._waiting.taken():
            self._whole.add(batch, weights)

    def _count_slices(self) -> None:
        for batch, weights in self._waiting_for_slices.taken():
            for name, parts in self._slices.items():
                if parts is not None:
                    self._add_slices(name, parts, batch, weights)

    def _add_slices(
        self, name: str, parts: dict[str, "_Part"], batch: pa.RecordBatch, weights: np.ndarray | None
    ) -> None:
        encoded = batch.column(name).cast(pa.string()).dictionary_encode()
        codes = np.asarray(encoded.indices.fill_null(len(encoded.dictionary)))
        if len(encoded.dictionary) > MAX_SLICES:
            self._slices[name] = None
            return
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(encoded.dictionary)))
        batch, weights = batch.take(pa.array(order)), None if weights is None else weights[order]
        for value, start, end in zip(encoded.dictionary.to_pylist(), [0, *ends.tolist()], ends.tolist(), strict=False):
            own = None if weights is None else weights[start:end]
            self._slice_of(parts, value).add(batch.slice(start, end - start), own)
        self._bound(name)

    def _slice_of(self, parts: dict[str, "_Part"], value: str) -> "_Part":
        if value not in parts:
            parts[value] = _Part(self._described, SLICE, self._weighted)
        return parts[value]

    def _bound(self, name: str) -> None:
        if len(self._slices[name] or ()) > MAX_SLICES:
            self._slices[name] = None


class _Waiting:
    """Batches that wait to be counted together, up to so many rows or bytes."""

    def __init__(self, rows: int, most_bytes: int):
        self._most_rows, self._most_bytes = rows, most_bytes
        self._rows = self._bytes = 0
        self._batches: list[pa.RecordBatch] = []
        self._weights: list[np.ndarray] = []

    def add(self, batch: pa.RecordBatch, weight: np.ndarray | None) -> None:
        """Take in a batch, and its rows' weights if they have any."""
        self._batches.append(batch)
        self._rows, self._bytes = self._rows + batch.num_rows, self._bytes + batch.nbytes
        if weight is not None:
            self._weights.append(np.asarray(weight, np.float32))

    @property
    def full(self) -> bool:
        """Whether that is enough."""
        return self._rows >= self._most_rows or self._bytes >= self._most_bytes

    def taken(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray | None]]:
        """Yield what waits as one batch, if anything does, and forget it."""
        batches, weights = self._batches, self._weights
        self._rows, self._bytes, self._batches, self._weights = 0, 0, [], []
        if batches:
            yield pa.concat_batches(batches), np.concatenate(weights) if weights else None


class _Part:
    """The columns of some rows: of all, or of a slice."""

    def __init__(self, columns: Sequence[Column], detail: Detail, weighted: bool):
        self.rows = 0
        self._weight = 0 if weighted else None
        self.columns: dict[str, NumberStatistics | TextStatistics] = {
            column.name: (TextStatistics if column.kind is Kind.BYTES else NumberStatistics)(
                detail, lists=column.value_count is not None, weighted=weighted
            )
            for column in columns
        }

    def add(self, batch: pa.RecordBatch, weights: np.ndarray | None) -> None:
        self.rows += batch.num_rows
        if self._weight is not None and weights is not None:
            self._weight += int(whole_weights(weights).sum())
        for name, statistics in self.columns.items():
            statistics.add(batch.column(name), weights)

    def merge(self, other: "_Part") -> None:
        self.rows += other.rows
        if self._weight is not None and other._weight is not None:
            self._weight += other._weight
        for name, statistics in self.columns.items():
            statistics.merge(other.columns[name])  # type: ignore[arg-type]  # of the same kind

    def describe(
        self, dataset: statistics_pb2.DatasetFeatureStatistics, columns: Sequence[Column], ranks: bool
    ) -> None:
        weight = None if self._weight is None else self._weight * WEIGHT_UNIT
        dataset.num_examples = self.rows
        dataset.weighted_num_examples = weight or 0.0
        for column in columns:
            protos.describe(dataset.features.add(), column, self.columns[column.name], self.rows, weight, ranks)
