"""Statistics of raw batches per column: added batch by batch, merged, and written as tensorflow_metadata protos.

What comes out reads like the output of TensorFlow Data Validation: means, deviations, zeros, equal-width and quantile
histograms of numbers; number of distinct values, top values and rank histogram of strings.
"""

import collections
import dataclasses
import itertools
import math
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import statistics_pb2

from schemas.column import Column, Kind
from schemas.schema import Schema
from schemas.statistics.quantiles import Quantiles

_BUCKETS = 10
_TOP_VALUES = 20
_RANKS = 1000
MAX_DISTINCT = 20_000
_TYPES = {
    Kind.FLOAT: statistics_pb2.FeatureNameStatistics.FLOAT,
    Kind.INT: statistics_pb2.FeatureNameStatistics.INT,
    Kind.BYTES: statistics_pb2.FeatureNameStatistics.STRING,
}


@dataclasses.dataclass
class NumberStatistics:
    """What was seen of a numeric column. `squares` is the sum of squared distances from the mean."""

    present: int = 0
    zeros: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    quantiles: Quantiles = dataclasses.field(default_factory=Quantiles)

    def add(self, array: pa.Array) -> None:
        """Take in one column of a batch."""
        values = np.asarray(array.drop_null() if array.null_count else array, np.float64)
        if not len(values):
            return
        mean = float(values.mean())
        distances = values - mean
        self._combine(len(values), mean, float(distances @ distances))
        self.zeros += len(values) - int(np.count_nonzero(values))
        self.minimum = min(self.minimum, float(values.min()))
        self.maximum = max(self.maximum, float(values.max()))
        self.quantiles.add(values)

    def merge(self, other: "NumberStatistics") -> None:
        """Take in what another has seen."""
        if not other.present:
            return
        self._combine(other.present, other.mean, other.squares)
        self.zeros += other.zeros
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        self.quantiles.merge(other.quantiles)

    def _combine(self, count: int, mean: float, squares: float) -> None:
        total = self.present + count
        apart = mean - self.mean
        self.mean += apart * count / total
        self.squares += squares + apart * apart * self.present * count / total
        self.present = total


@dataclasses.dataclass
class TextStatistics:
    """What was seen of a string column.

    With more than 20,000 distinct strings the rarest are forgotten (`forgot`): their counts, and the number of
    distinct values, are then lower bounds.
    """

    present: int = 0
    characters: int = 0
    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    forgot: bool = False

    def add(self, array: pa.Array) -> None:
        """Take in one column of a batch."""
        present = len(array) - array.null_count
        if not present:
            return
        self.present += present
        self.characters += pc.sum(pc.utf8_length(array)).as_py()
        counted = pc.value_counts(array.drop_null())
        values, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
        self._count(dict(zip(values, counts, strict=True)))

    def merge(self, other: "TextStatistics") -> None:
        """Take in what another has seen."""
        self.present += other.present
        self.characters += other.characters
        self.forgot |= other.forgot
        self._count(other.counts)

    def ranked(self) -> list[tuple[str, int]]:
        """Return strings and counts, the most frequent first, equal counts by the string."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))

    def _count(self, counts: Mapping[str, int]) -> None:
        self.counts.update(counts)
        if len(self.counts) > MAX_DISTINCT:
            self.counts = collections.Counter(dict(self.ranked()[: MAX_DISTINCT // 2]))
            self.forgot = True


class ColumnStatistics:
    """Statistics of every column of a schema over the raw batches added; `rows_with` counts those that have a list.

    >>> schema = Schema.from_text('feature { name: "fare" type: FLOAT }')
    >>> statistics = ColumnStatistics(schema)
    >>> statistics.add(pa.RecordBatch.from_pydict({"fare": [1.0, 3.0, None]}))
    >>> statistics.rows, statistics.columns["fare"].mean
    (3, 2.0)
    """

    def __init__(self, schema: Schema):
        self.rows = 0
        self.rows_with = {column.name: 0 for column in schema.columns if column.value_count is not None}
        self._described: tuple[Column, ...] = schema.columns
        self.columns: dict[str, NumberStatistics | TextStatistics] = {
            column.name: TextStatistics() if column.kind is Kind.BYTES else NumberStatistics()
            for column in schema.columns
        }

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in a raw batch; columns that the schema does not name are left out."""
        self.rows += batch.num_rows
        for column in self._described:
            array = batch.column(column.name)
            if column.value_count is not None:
                self.rows_with[column.name] += int(np.count_nonzero(array.value_lengths().fill_null(0)))
                array = array.flatten()
            self.columns[column.name].add(array)

    def merge(self, other: "ColumnStatistics") -> None:
        """Take in what another of the same schema has seen."""
        self.rows += other.rows
        for name, statistics in self.columns.items():
            statistics.merge(other.columns[name])  # type: ignore[arg-type]
        for name, rows in other.rows_with.items():
            self.rows_with[name] += rows

    def to_proto(self, name: str) -> statistics_pb2.DatasetFeatureStatisticsList:
        """Return the statistics as one dataset of that name. Personal columns keep their counts, not their values."""
        listed = statistics_pb2.DatasetFeatureStatisticsList()
        dataset = listed.datasets.add(name=name, num_examples=self.rows)
        for column in self._described:
            feature = dataset.features.add(type=_TYPES[column.kind])
            feature.path.step.append(column.name)
            statistics = self.columns[column.name]
            personal = column.role("personal") is not None
            rows_with = self.rows_with.get(column.name, statistics.present)
            if isinstance(statistics, NumberStatistics):
                _common(feature.num_stats.common_stats, rows_with, statistics.present, self.rows)
                if statistics.present:
                    _describe_numbers(feature.num_stats, statistics, personal)
            else:
                _common(feature.string_stats.common_stats, rows_with, statistics.present, self.rows)
                _describe_texts(feature.string_stats, statistics, personal)
        return listed


def _common(proto: statistics_pb2.CommonStatistics, present: int, values: int, rows: int) -> None:
    proto.num_non_missing = present
    proto.num_missing = rows - present
    proto.tot_num_values = values
    if present:
        proto.avg_num_values = values / present
    if present and values == present:
        proto.min_num_values = proto.max_num_values = 1


def _describe_numbers(proto: statistics_pb2.NumericStatistics, seen: NumberStatistics, personal: bool) -> None:
    proto.mean = seen.mean
    proto.std_dev = math.sqrt(seen.squares / seen.present)
    proto.num_zeros = seen.zeros
    if personal:
        return
    proto.min, proto.max = seen.minimum, seen.maximum
    proto.median = float(seen.quantiles.at([0.5])[0])
    values, weights = seen.quantiles.samples()
    edges = np.linspace(seen.minimum, seen.maximum, _BUCKETS + 1)
    equal = proto.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    if seen.minimum == seen.maximum:
        equal.buckets.add(low_value=seen.minimum, high_value=seen.maximum, sample_count=seen.present)
    else:
        counts, _ = np.histogram(values, edges, weights=weights)
        counts *= seen.present / weights.sum()
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True):
            equal.buckets.add(low_value=low, high_value=high, sample_count=count)
    quantiles = proto.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
    ends = seen.quantiles.at(np.linspace(0.0, 1.0, _BUCKETS + 1)).tolist()
    ends[0], ends[-1] = seen.minimum, seen.maximum
    for low, high in itertools.pairwise(ends):
        quantiles.buckets.add(low_value=low, high_value=high, sample_count=seen.present / _BUCKETS)


def _describe_texts(proto: statistics_pb2.StringStatistics, seen: TextStatistics, personal: bool) -> None:
    proto.unique = len(seen.counts)
    if seen.present:
        proto.avg_length = seen.characters / seen.present
    if personal:
        return
    ranked = seen.ranked()
    for value, count in ranked[:_TOP_VALUES]:
        proto.top_values.add(value=value, frequency=count)
    for rank, (value, count) in enumerate(ranked[:_RANKS]):
        proto.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, label=value, sample_count=count)
