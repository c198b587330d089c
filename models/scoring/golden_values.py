"""The values of golden rows, column by column: drawn from the training statistics, or from the schema alone."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import FeatureNameStatistics

from schemas.column import Column, Kind, ValueCount
from schemas.schema import Schema
from schemas.statistics.texts import stands_for_long

_UNSEEN = ("(unseen)", "(ünseen)", "")
_LONGEST = 1000  # characters: every bundle and every replay has them
_LONGEST_LIST = 6  # values of a golden row, where the schema does not want more
_FLOAT32 = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))
_INT64 = (-(2**63), 2**63 - 1)
_LEAST_MISSING = 0.05
_TIMES = (1_000_000_000_000, 1_700_000_000_000)  # milliseconds; of a column without statistics


@dataclasses.dataclass(frozen=True)
class GoldenValues:
    """What one column's golden values are drawn from.

    `like_the_data(rows)` returns values over all that was seen; `edges` are values each of which one row should have,
    whether the schema allows it or not.
    """

    like_the_data: Callable[[int], list[Any]]
    edges: Sequence[Any]
    missing: float

    @classmethod
    def of(cls, column: Column, schema: Schema, statistics: FeatureNameStatistics | None) -> "GoldenValues":
        """Read a column's statistics; None is no statistics, and those of a personal column are not looked at.

        The values of a column of several are lists, drawn from those of its values that are like the data.
        """
        if column.role("personal") is not None:
            statistics = None
        missing = 0.0 if column.required else max(_missing_share(statistics), _LEAST_MISSING)
        one = cls._of_one(column, schema, statistics, missing)
        return one if column.value_count is None else one._in_lists(column.value_count)

    @classmethod
    def _of_one(
        cls, column: Column, schema: Schema, statistics: FeatureNameStatistics | None, missing: float
    ) -> "GoldenValues":
        if column.kind is Kind.BYTES:
            texts = _texts(column, statistics)
            return cls(lambda rows: list(itertools.islice(itertools.cycle(texts), rows)), (None, *_UNSEEN), missing)
        quantiles = _quantiles(column, schema, statistics)
        number = _whole_float32 if column.boolean else _float32
        if column.kind is Kind.INT:
            number = _int64

        def like_the_data(rows: int) -> list[Any]:
            ranks = np.linspace(0.0, len(quantiles) - 1.0, rows)
            return [number(value) for value in np.interp(ranks, np.arange(len(quantiles)), quantiles).tolist()]

        return cls(like_the_data, (None, *dict.fromkeys(map(number, _edges(quantiles)))), missing)

    def _in_lists(self, count: ValueCount) -> "GoldenValues":
        """Return lists of these values, of all lengths from the least to the longest that golden rows have."""
        least = max(count.least, 1)
        longest = min(count.most or max(least, _LONGEST_LIST), max(least, _LONGEST_LIST))

        def like_the_data(rows: int) -> list[Any]:
            lengths = [least + row % (longest - least + 1) for row in range(rows)]
            values = self.like_the_data(sum(lengths))
            order = np.random.default_rng(len(values)).permutation(len(values)).tolist()
            ends = list(itertools.accumulate(lengths))
            return [[values[at] for at in order[end - length : end]] for end, length in zip(ends, lengths, strict=True)]

        edges = [value for value in self.edges if value is not None]
        filled = [[value, *self.like_the_data(least)][:least] for value in edges]
        alike = [[value] * longest for value in edges[:1]]
        return GoldenValues(like_the_data, (None, *filled, *alike, edges[:longest]), self.missing)

    def draw(self, rows: int, random: np.random.Generator) -> list[Any]:
        """Return values over the whole of what was seen, in random order, some missing."""
        values = self.like_the_data(rows)
        gone = random.random(rows) < self.missing
        return [None if gone[at] else values[drawn] for at, drawn in enumerate(random.permutation(rows).tolist())]


def _float32(value: float) -> float:
    return float(np.float32(min(max(value, _FLOAT32[0]), _FLOAT32[1])))


def _whole_float32(value: float) -> float:
    return float(round(value))


def _int64(value: float) -> int:
    return min(max(round(value), _INT64[0]), _INT64[1])


def _missing_share(statistics: FeatureNameStatistics | None) -> float:
    if statistics is None:
        return 0.0
    which = statistics.WhichOneof("stats")
    common = getattr(statistics, which).common_stats if which else statistics_pb2.CommonStatistics()
    rows = common.num_missing + common.num_non_missing
    return common.num_missing / rows if rows else 0.0


def _texts(column: Column, statistics: FeatureNameStatistics | None) -> list[str]:
    frequent = [] if statistics is None else [top.value for top in statistics.string_stats.top_values]
    texts = (text for text in frequent or sorted(column.domain or []) if len(text) <= _LONGEST)
    return [text for text in texts if not stands_for_long(text)] or [_UNSEEN[0]]


def _edges(quantiles: Sequence[float]) -> Iterator[float]:
    least, most = quantiles[0], quantiles[-1]
    beyond = (most - least) or 1.0
    yield from (least, most, 0.0, -max(abs(least), abs(most), 1.0), least - beyond, most + beyond)


def _quantiles(column: Column, schema: Schema, statistics: FeatureNameStatistics | None) -> Sequence[float]:
    """Return numbers that rise from the least to the most: those of the training data, or the ends in the schema."""
    time, milliseconds = schema.event_time or (None, 1)
    least, most = _recent(column, milliseconds) if column.name == time else _ends(column)
    if statistics is None or not statistics.HasField("num_stats"):
        return least, most
    numbers = statistics.num_stats
    for histogram in numbers.histograms:
        if histogram.type == statistics_pb2.Histogram.QUANTILES and histogram.buckets:
            ends = [histogram.buckets[0].low_value, *(bucket.high_value for bucket in histogram.buckets)]
            return sorted(end for end in ends if np.isfinite(end)) or (least, most)
    return sorted((numbers.min, numbers.median, numbers.max))


def _ends(column: Column) -> tuple[float, float]:
    least, most = 0.0, 100.0
    if column.minimum is not None:
        least, most = column.minimum, max(most, column.minimum + 100.0)
    if column.maximum is not None:
        least, most = min(least, column.maximum), column.maximum
    return least, most


def _recent(column: Column, milliseconds: int) -> tuple[float, float]:
    """Return times of this century, in the column's unit, or its own limits if these are elsewhere."""
    least, most = (time / milliseconds for time in _TIMES)
    lowest, highest = _ends(column)
    if least > highest or most < lowest:
        return lowest, highest
    return max(least, lowest), min(most, highest)
