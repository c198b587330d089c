"""Statistics of TFX's taxi sample are TFX's own, its two splits pooled: counts, means, top values."""

import collections
import csv
import gzip
import math

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from schemas.column import Kind
from schemas.schema import Schema
from schemas.statistics.columns import ColumnStatistics


def _read(file):
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes()).datasets
    return dataset.num_examples, {feature.path.step[0]: feature for feature in dataset.features}


@pytest.fixture(scope="module")
def theirs(data_folder):
    folder = data_folder / "chicago_taxi" / "tfx_testdata" / "statistics_gen"
    return [_read(folder / f"Split-{split}" / "FeatureStats.pb") for split in ("train", "eval")]


@pytest.fixture(scope="module")
def ours(data_folder):
    schema = Schema.load(data_folder / "chicago_taxi" / "tfx_testdata" / "schema_gen" / "schema.pbtxt")
    plain = Schema.from_text(
        "\n".join(f'feature {{ name: "{column.name}" type: {column.kind.name} }}' for column in schema.columns)
    )
    kinds = {Kind.FLOAT: float, Kind.INT: int, Kind.BYTES: str}
    with gzip.open(data_folder / "chicago_taxi" / "data.csv.gz", "rt") as file:
        rows = [
            {
                column.name: kinds[column.kind](row[column.name]) if row[column.name] else None
                for column in plain.columns
            }
            for row in csv.DictReader(file)
        ]
    halves = [ColumnStatistics(plain), ColumnStatistics(plain)]
    for place, start in enumerate(range(0, len(rows), 1000)):
        batch = pa.RecordBatch.from_pylist(rows[start : start + 1000], plain.arrow_schema)
        halves[place % 2].add(batch)
    halves[0].merge(halves[1])
    (dataset,) = halves[0].to_proto("all").datasets
    return dataset.num_examples, {feature.path.step[0]: feature for feature in dataset.features}


def _stats(feature):
    return getattr(feature, feature.WhichOneof("stats"))


@pytest.mark.needs_data
def test_counts(ours, theirs):
    """A missing value is an empty list to TFX's example, which it counts as present: values are what is compared."""
    assert ours[0] == sum(rows for rows, _ in theirs) == 15_002
    assert set(ours[1]) == set(theirs[0][1])
    for name, feature in ours[1].items():
        assert feature.type == theirs[0][1][name].type
        common = _stats(feature).common_stats
        assert common.tot_num_values == sum(_stats(split[name]).common_stats.tot_num_values for _, split in theirs)
        assert common.num_missing == ours[0] - common.tot_num_values
        if feature.HasField("num_stats"):
            assert feature.num_stats.num_zeros == sum(split[name].num_stats.num_zeros for _, split in theirs)


@pytest.mark.needs_data
def test_means_deviations_and_limits(ours, theirs):
    compared = 0
    for name, feature in ours[1].items():
        parts = [split[name] for _, split in theirs if _stats(split[name]).common_stats.tot_num_values]
        counts = np.array([_stats(part).common_stats.tot_num_values for part in parts], np.float64)
        if feature.HasField("string_stats"):
            lengths = np.array([part.string_stats.avg_length for part in parts])
            assert feature.string_stats.avg_length == pytest.approx((lengths * counts).sum() / counts.sum(), rel=1e-6)
            continue
        numbers, total = feature.num_stats, counts.sum()
        means = np.array([part.num_stats.mean for part in parts])
        mean = (means * counts).sum() / total
        squares = sum(
            count * (part.num_stats.std_dev**2 + (part.num_stats.mean - mean) ** 2)
            for part, count in zip(parts, counts, strict=True)
        )
        assert numbers.mean == pytest.approx(mean, rel=1e-9)
        # TFX's deviations are differences of large squares: of times and tracts they have few digits
        assert numbers.std_dev == pytest.approx(math.sqrt(squares / total), rel=1e-3 if mean > 1e8 else 1e-7, abs=1e-9)
        assert (numbers.min, numbers.max) == (
            min(part.num_stats.min for part in parts),
            max(part.num_stats.max for part in parts),
        )
        medians = sorted(part.num_stats.median for part in parts)
        assert medians[0] <= numbers.median <= medians[-1]
        compared += 1
    assert compared == 16


@pytest.mark.needs_data
def test_top_values(ours, theirs):
    for name in ("payment_type", "company"):
        counted: collections.Counter[str] = collections.Counter()
        for _, split in theirs:
            counted.update({one.label: one.sample_count for one in split[name].string_stats.rank_histogram.buckets})
        wanted = sorted(counted.items(), key=lambda one: (one[1], one[0]), reverse=True)
        mine = ours[1][name].string_stats
        assert [(one.value, one.frequency) for one in mine.top_values] == wanted[:20]
        assert [(one.label, one.sample_count) for one in mine.rank_histogram.buckets] == wanted
        assert mine.unique == len(wanted)
