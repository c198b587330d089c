"""Statistics of a column as the proto of tensorflow_metadata, the way TensorFlow Data Validation fills it.

Numbers have ten buckets of equal width and ten of equal counts; texts the 20 most frequent and the counts of the first
1000 ranks. Lists say how many values their rows have. Beside what TFDV writes, a custom statistic `values` has a finer
histogram for charts and comparisons: the different numbers where they are few, else some fifty buckets of a width
that is a power of two, on multiples of it, from the first to the last percentile, and one for each tail. So two
histograms have edges in common, at which they can be compared exactly.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

from schemas.column import Column, Kind
from schemas.statistics.detail import WEIGHT_UNIT
from schemas.statistics.numbers import NumberStatistics
from schemas.statistics.quantiles import Quantiles
from schemas.statistics.texts import TextStatistics
from schemas.statistics.valency import Valency

_BUCKETS = 10
_TOP_VALUES = 20
_RANKS = 1000
VALUES = "values"
_FEW_VALUES = 40
_FINE_BUCKETS = 64
_TYPES = {
    Kind.FLOAT: statistics_pb2.FeatureNameStatistics.FLOAT,
    Kind.INT: statistics_pb2.FeatureNameStatistics.INT,
    Kind.BYTES: statistics_pb2.FeatureNameStatistics.STRING,
}


def describe(
    feature: statistics_pb2.FeatureNameStatistics,
    column: Column,
    seen: NumberStatistics | TextStatistics,
    rows: int,
    weight: float | None,
    ranks: bool,
) -> None:
    """Fill in a column's statistics over so many rows of that weight (None: rows have no weights).

    A personal column shows counts, no values. `ranks` says whether the counts of ranks and what charts need are told.
    """
    feature.type = _TYPES[column.kind]
    feature.path.step.append(column.name)
    personal = column.role("personal") is not None
    if isinstance(seen, NumberStatistics):
        _common(feature.num_stats.common_stats, seen.valency, rows, weight)
        if seen.valency.values:
            _describe_numbers(feature.num_stats, seen, personal)
            if ranks and not personal:
                _fine(feature.custom_stats.add(name=VALUES).histogram, seen.quantiles)
        return
    _common(feature.string_stats.common_stats, seen.valency, rows, weight)
    _describe_texts(feature.string_stats, seen, personal, ranks)


def _common(proto: statistics_pb2.CommonStatistics, seen: Valency, rows: int, weight: float | None) -> None:
    proto.num_non_missing = seen.present
    proto.num_missing = rows - seen.present
    proto.tot_num_values = seen.values
    if seen.present:
        proto.min_num_values = proto.max_num_values = 1
        proto.avg_num_values = seen.values / seen.present
        if seen.lengths is not None:
            proto.min_num_values, proto.max_num_values = int(seen.lengths.minimum), int(seen.lengths.maximum)
            _quantiles(proto.num_values_histogram, seen.lengths, seen.present)
    if weight is not None:
        weighted = proto.weighted_common_stats
        weighted.num_non_missing = seen.present_weight
        weighted.num_missing = weight - seen.present_weight
        weighted.tot_num_values = seen.values_weight
        if seen.present_weight:
            weighted.avg_num_values = seen.values_weight / seen.present_weight


def _describe_numbers(proto: statistics_pb2.NumericStatistics, seen: NumberStatistics, personal: bool) -> None:
    proto.num_zeros = seen.zeros
    if personal:
        return  # of one row, or of equal ones, the mean is the value
    proto.mean, proto.std_dev = seen.mean, seen.std
    proto.min, proto.max = seen.minimum, seen.maximum
    proto.median = float(seen.quantiles.at([0.5])[0])
    _histograms(proto.histograms, seen.quantiles, seen.valency.values)
    weighted = seen.weighted
    if weighted is not None and weighted.moments.weight:
        proto.weighted_numeric_stats.mean = weighted.moments.mean
        proto.weighted_numeric_stats.std_dev = weighted.moments.std
        if not weighted.quantiles.total:  # every weight is below the unit that they are counted in
            return
        proto.weighted_numeric_stats.median = float(weighted.quantiles.at([0.5])[0])
        total = weighted.quantiles.total * WEIGHT_UNIT
        _histograms(proto.weighted_numeric_stats.histograms, weighted.quantiles, total)


def _histograms(protos: Sequence, quantiles: Quantiles, total: float) -> None:  # protobuf's repeated field
    equal = protos.add(type=statistics_pb2.Histogram.STANDARD)  # type: ignore[attr-defined]
    low, high = quantiles.minimum, quantiles.maximum
    if low == high:
        equal.buckets.add(low_value=low, high_value=high, sample_count=total)
    else:
        edges = np.linspace(low, high, _BUCKETS + 1)
        counts = quantiles.histogram(edges) * (total / quantiles.total)
        for (start, end), count in zip(itertools.pairwise(edges.tolist()), counts.tolist(), strict=True):
            equal.buckets.add(low_value=start, high_value=end, sample_count=count)
    _quantiles(protos.add(), quantiles, total)  # type: ignore[attr-defined]


def _fine(proto: statistics_pb2.Histogram, quantiles: Quantiles) -> None:
    few = quantiles.few(_FEW_VALUES)
    if few is not None:
        for value, count in few:
            proto.buckets.add(low_value=value, high_value=value, sample_count=count)
        return
    edges = _grid(quantiles)
    counts = quantiles.histogram(edges).tolist()
    for (start, end), count in zip(itertools.pairwise(edges.tolist()), counts, strict=True):
        proto.buckets.add(low_value=start, high_value=end, sample_count=count)


def _grid(quantiles: Quantiles) -> np.ndarray:
    low, high = quantiles.at([0.01, 0.99]).tolist()
    if low == high:
        low, high = quantiles.minimum, quantiles.maximum
    width = 2.0 ** math.ceil(math.log2((high - low) / _FINE_BUCKETS))
    edges = width * np.arange(math.floor(low / width), math.floor(high / width) + 2)
    tails = [quantiles.minimum] if quantiles.minimum < edges[0] else []
    return np.array([*tails, *edges, *([quantiles.maximum] if quantiles.maximum > edges[-1] else [])])


def _quantiles(proto: statistics_pb2.Histogram, quantiles: Quantiles, total: float) -> None:
    proto.type = statistics_pb2.Histogram.QUANTILES
    ends = quantiles.at(np.linspace(0.0, 1.0, _BUCKETS + 1)).tolist()
    ends[0], ends[-1] = quantiles.minimum, quantiles.maximum
    for low, high in itertools.pairwise(ends):
        proto.buckets.add(low_value=low, high_value=high, sample_count=total / _BUCKETS)


def _describe_texts(proto: statistics_pb2.StringStatistics, seen: TextStatistics, personal: bool, ranks: bool) -> None:
    proto.unique = seen.distinct
    if seen.valency.values:
        proto.avg_length = seen.bytes / seen.valency.values
    if personal:
        return
    _ranked(proto, seen.ranked(), ranks)
    if seen.weighted is not None:
        _ranked(proto.weighted_string_stats, seen.ranked_by_weight(), ranks)


def _ranked(
    proto: statistics_pb2.StringStatistics | statistics_pb2.WeightedStringStatistics,
    found: Sequence[tuple[str, float]],
    ranks: bool,
) -> None:
    for value, count in found[:_TOP_VALUES]:
        proto.top_values.add(value=value, frequency=count)
    for rank, (value, count) in enumerate(found[: _RANKS if ranks else 0]):
        proto.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, label=value, sample_count=count)
