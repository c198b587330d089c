"""Statistics: the numbers are those of numpy, merging changes nothing that matters, personal values stay out."""

import collections
import pickle
import statistics as stdlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.schema import Schema
from schemas.statistics import anomalies
from schemas.statistics.columns import MAX_DISTINCT, ColumnStatistics, NumberStatistics, TextStatistics
from schemas.statistics.quantiles import SIZE, Quantiles

SCHEMA = Schema.from_text("""
feature { name: "fare" type: FLOAT }
feature { name: "at" type: INT }
feature { name: "company" type: BYTES string_domain { value: "a" value: "b" } }
feature { name: "driver" type: BYTES annotation { tag: "personal:hash" } string_domain { value: "x" } }
""")


def _batch(fares, companies):
    rows = [{"fare": fare, "at": 10**9, "company": company} for fare, company in zip(fares, companies, strict=True)]
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA.arrow_schema)


def _statistics(*batches):
    statistics = ColumnStatistics(SCHEMA)
    for batch in batches:
        statistics.add(batch)
    return statistics


def _features(statistics):
    (dataset,) = statistics.to_proto("train").datasets
    assert dataset.name == "train"
    return dataset.num_examples, {feature.path.step[0]: feature for feature in dataset.features}


def test_numbers_are_described_as_numpy_describes_them():
    values = np.random.default_rng(1).gamma(2.0, 5.0, 50_000).astype(np.float32)
    values[:100] = 0
    batches = [_batch([*part.tolist(), None], [None] * (len(part) + 1)) for part in np.split(values, 10)]
    rows, features = _features(_statistics(*batches))
    fare = features["fare"].num_stats
    assert (rows, fare.common_stats.num_missing, fare.common_stats.num_non_missing) == (50_010, 10, 50_000)
    assert fare.num_zeros == 100
    assert fare.mean == pytest.approx(values.astype(float).mean(), rel=1e-12)
    assert fare.std_dev == pytest.approx(values.astype(float).std(), rel=1e-12)
    assert (fare.min, fare.max) == (values.min(), values.max())
    assert np.mean(values <= fare.median) == pytest.approx(0.5, abs=0.001)
    equal, quantiles = fare.histograms
    expected, _ = np.histogram(values, 10)
    assert np.allclose([bucket.sample_count for bucket in equal.buckets], expected, atol=100)
    assert sum(bucket.sample_count for bucket in equal.buckets) == pytest.approx(50_000)
    below = [np.mean(values <= bucket.high_value) for bucket in quantiles.buckets]
    assert np.allclose(below, np.linspace(0.1, 1.0, 10), atol=0.001)
    assert [len(features["at"].num_stats.histograms[0].buckets), features["at"].num_stats.std_dev] == [1, 0.0]


def test_strings_are_counted_most_frequent_first():
    _, features = _features(_statistics(_batch([1] * 6, ["b", "a", "b", "\u00e9", None, "a"]), _batch([1], ["b"])))
    company = features["company"].string_stats
    assert [(top.value, top.frequency) for top in company.top_values] == [("b", 3), ("a", 2), ("\u00e9", 1)]
    assert [bucket.sample_count for bucket in company.rank_histogram.buckets] == [3, 2, 1]
    assert (company.unique, company.avg_length, company.common_stats.num_missing) == (
        3,
        pytest.approx(7 / 6),
        1,
    )  # bytes, as TFDV


def test_personal_values_are_in_no_statistic_and_no_anomaly():
    batch = pa.RecordBatch.from_pylist([{"driver": "Jane Doe"}] * 3, schema=SCHEMA.arrow_schema)
    statistics = _statistics(batch)
    assert b"Jane" not in statistics.to_proto("train").SerializeToString()
    personal = Schema.from_text('feature { name: "age" type: INT annotation { tag: "personal:bucket" } }')
    ages = ColumnStatistics(personal, weighted=True)
    ages.add(pa.RecordBatch.from_pydict({"age": [41]}, personal.arrow_schema), np.ones(1, np.float32))
    numbers = _features(ages)[1]["age"].num_stats
    assert not {"mean", "std_dev", "min", "max", "median", "histograms"} & {one.name for one, _ in numbers.ListFields()}
    assert not numbers.HasField("weighted_numeric_stats")
    assert anomalies.unseen(statistics, SCHEMA) == {"driver": {"rows": 3, "distinct": 1}}


def test_anomalies_name_reasons_fields_and_unseen_strings():
    statistics = _statistics(_batch([1] * 4, ["a", "zebra", "zebra", None]))
    rejected = {("TYPE", "/fare"): 2, ("REQUIRED", "/at"): 5}
    unseen = {"train": anomalies.unseen(statistics, SCHEMA), "test": anomalies.unseen(_statistics(), SCHEMA)}
    assert anomalies.describe(rejected, unseen) == {
        "rejections": [
            {"reason": "REQUIRED", "field": "/at", "count": 5},
            {"reason": "TYPE", "field": "/fare", "count": 2},
        ],
        "unseen": {"train": {"company": {"rows": 2, "distinct": 1, "values": {"zebra": 2}}}, "test": {}},
    }


def test_no_rows_at_all():
    rows, features = _features(_statistics(_batch([], [])))
    assert rows == 0
    assert not features["fare"].num_stats.histograms


def test_too_many_distinct_strings_forget_the_rare_ones_only():
    names = [f"n{place}" for place in range(30_000)]
    statistics = _statistics(_batch([1] * 1000, ["often"] * 1000), _batch([1] * 30_000, names))
    company = statistics.columns["company"]
    assert company.forgot
    assert len(company.counts) <= 20_000
    assert company.ranked()[0] == ("often", 1000)


_FARES = st.lists(st.none() | st.floats(0, 1000, width=32), max_size=30)


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(_FARES, min_size=1, max_size=5))
def test_merged_and_pickled_parts_equal_the_whole(parts):
    together = [value for part in parts for value in part]
    whole = _statistics(_batch(together, ["x"] * len(together)))
    merged = ColumnStatistics(SCHEMA)
    for part in parts:
        merged.merge(pickle.loads(pickle.dumps(_statistics(_batch(part, ["x"] * len(part))))))
    values = [value for value in together if value is not None]
    for one in (whole.columns["fare"], merged.columns["fare"]):
        assert isinstance(one, NumberStatistics)
        assert one.present == len(values)
        if values:
            assert one.mean == pytest.approx(stdlib.fmean(values), abs=1e-9)
            assert one.std == pytest.approx(stdlib.pstdev(values), rel=1e-12, abs=1e-12)
            assert one.quantiles.at([0.5])[0] == sorted(values)[(len(values) + 1) // 2 - 1]
    companies = merged.columns["company"]
    assert isinstance(companies, TextStatistics)
    assert companies.counts == collections.Counter({"x": merged.rows} if merged.rows else {})


@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled"])
def test_quantiles_stay_near_whatever_the_order_and_the_merging(order):
    values = np.arange(600_000.0)
    if order == "shuffled":
        np.random.default_rng(2).shuffle(values)
    parts = np.split(values if order != "reversed" else values[::-1], 60)
    halves = [Quantiles(), Quantiles()]
    for place, part in enumerate(parts):
        halves[place % 2].add(part)
    halves[0].merge(halves[1])
    ranks = np.linspace(0.05, 0.95, 19)
    assert np.abs(halves[0].at(ranks) / 600_000 - ranks).max() < 0.002
    assert len(halves[0]._keys) <= SIZE


LIMITED = Schema.from_text("""
feature { name: "fare" type: FLOAT presence { min_fraction: 0.75 min_count: 4 } }
feature {
  name: "company" type: BYTES unique_constraints { min: 2 max: 3 }
  string_domain { value: "a" value: "b" } distribution_constraints { min_domain_mass: 0.5 }
}
""")


@pytest.mark.parametrize(
    ("fares", "companies", "broken"),
    [
        ([1.0, 1.0, 1.0, 1.0], ["a", "b", "a", None], []),
        ([1.0, 1.0, None, None], ["a", "b", "a", "b"], ["presence.min_count 4 2", "presence.min_fraction 0.75 0.5"]),
        ([1.0] * 4, ["a"] * 4, ["unique_constraints.min 2 1"]),
        (
            [1.0] * 4,
            ["a", "c", "d", "e"],
            ["unique_constraints.max 3 4", "distribution_constraints.min_domain_mass 0.5 0.25"],
        ),
    ],
)
def test_limits_of_whole_columns_are_anomalies(fares, companies, broken):
    statistics = ColumnStatistics(LIMITED)
    for start in (0, 2):
        rows = {"fare": fares[start : start + 2], "company": companies[start : start + 2]}
        statistics.add(pa.RecordBatch.from_pydict(rows, LIMITED.arrow_schema))
    found = anomalies.limits(statistics, LIMITED)
    assert [f"{one['limit']} {one['wanted']} {one['found']}" for one in found] == broken


def test_a_limit_of_distinct_strings_is_broken_even_where_the_rare_ones_are_forgotten():
    schema = Schema.from_text('feature { name: "t" type: BYTES unique_constraints { max: 15000 } }')
    statistics = ColumnStatistics(schema)
    statistics.add(pa.RecordBatch.from_pydict({"t": [f"text {row}" for row in range(MAX_DISTINCT + 1)]}))
    texts = statistics.columns["t"]
    assert isinstance(texts, TextStatistics)
    assert texts.forgot
    (broken,) = anomalies.limits(statistics, schema)
    assert (broken["limit"], broken["wanted"], broken["found"]) == ("unique_constraints.max", 15000, MAX_DISTINCT + 1)


def test_what_waits_is_as_large_as_its_own_rows():
    """Of a block, a small split is a part: the rest of the block must not wait with it."""
    schema = Schema.from_text('feature { name: "fare" type: FLOAT } feature { name: "company" type: BYTES }')
    statistics = ColumnStatistics(schema, slices=("company",))
    before = pa.total_allocated_bytes()
    for _ in range(20):
        statistics.add(_read_back(100_000).slice(50, 100))
    assert pa.total_allocated_bytes() - before < 1_000_000
    assert statistics.rows == 2_000


def _read_back(rows):
    """A block as it comes out of a file: its columns lie in one buffer."""
    fares, companies = pa.array(np.ones(rows, np.float32)), pa.array(["a"] * rows)
    batch = pa.record_batch([fares, companies], ["fare", "company"])
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, batch.schema) as stream:
        stream.write_batch(batch)
    return pa.ipc.open_stream(out.getvalue()).read_next_batch()


def test_statistics_without_weights_heed_none():
    schema = Schema.from_text('feature { name: "fare" type: FLOAT } feature { name: "company" type: BYTES }')
    batch = pa.record_batch([pa.array([1.0, 2.0], pa.float32()), pa.array(["a", "b"])], ["fare", "company"])
    with_some, without = (ColumnStatistics(schema, slices=("company",)) for _ in range(2))
    for statistics, weight in ((with_some, np.empty(0, np.float32)), (without, None)):
        statistics.add(batch.slice(0, 0), weight)
        statistics.add(batch)
    assert with_some.to_proto("all") == without.to_proto("all")
