"""The same rows give the same bytes of statistics, in whatever order, batches and parts they come."""

import fractions
import itertools
import math
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.schema import Schema
from schemas.statistics.columns import MAX_DISTINCT, MAX_SLICES, ColumnStatistics
from schemas.statistics.detail import SLICE
from schemas.statistics.exact_moments import ExactMoments
from schemas.statistics.quantiles import Quantiles
from schemas.statistics.text_hashes import text_hashes

SCHEMA = Schema.from_text("""
feature { name: "fare" type: FLOAT }
feature { name: "at" type: INT }
feature { name: "town" type: BYTES }
feature { name: "tags" type: BYTES value_count { min: 1 } }
feature { name: "place" type: FLOAT shape { dim { size: 2 } } }
""")
_ROW = st.fixed_dictionaries(
    {
        "fare": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
        "at": st.none() | st.integers(-(2**63), 2**63 - 1),
        "town": st.none() | st.sampled_from(["", "here", "there", "\u00e9"]) | st.text(max_size=4),
        "tags": st.none() | st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
        "place": st.none() | st.lists(st.floats(0, 1, width=32), min_size=2, max_size=2),
        "weight": st.sampled_from([1.0, 0.1, 3.0, 0.0, 1e-3, 1e5]),
    }
)


def _bytes(rows, order, cuts, weighted):
    """Return the statistics of rows in an order, in parts that are cut there, pickled and merged in that order."""
    merged = ColumnStatistics(SCHEMA, slices=("town", "at", "tags"), weighted=weighted)
    ordered = [rows[at] for at in order]
    bounds = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    for start, end in itertools.pairwise(bounds):
        part = ColumnStatistics(SCHEMA, slices=("town", "at", "tags"), weighted=weighted)
        for row in ordered[start:end]:
            batch = pa.RecordBatch.from_pylist([row], schema=SCHEMA.arrow_schema)
            part.add(batch, np.array([row["weight"]], np.float32) if weighted else None)
        merged.merge(pickle.loads(pickle.dumps(part)))
    return merged.to_proto("train").SerializeToString(deterministic=True)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(_ROW, max_size=12), data=st.data(), weighted=st.booleans())
def test_rows_in_any_order_and_parts_give_the_same_bytes(rows, data, weighted):
    order = data.draw(st.permutations(range(len(rows))))
    cuts = data.draw(st.lists(st.integers(0, 12), max_size=3))
    assert _bytes(rows, order, cuts, weighted) == _bytes(rows, range(len(rows)), [], weighted)


def _many(seed):
    """Return 120,000 rows with more different numbers and texts than are kept as they are."""
    random = np.random.default_rng(seed)
    towns = [f"town {number}" for number in random.zipf(1.15, 120_000) % 60_000]
    fares = random.lognormal(2, 1, 120_000).astype(np.float32)
    return pa.RecordBatch.from_pydict(
        {
            "fare": pa.array(fares),
            "at": random.integers(0, 10**12, 120_000),
            "town": towns,
            "tags": [[one] for one in towns],
            "place": [[0.5, float(one)] for one in fares],
        },
        SCHEMA.arrow_schema,
    )


def test_sketches_too_give_the_same_bytes_in_any_order_and_stay_near():
    rows = _many(3)
    order = np.random.default_rng(4).permutation(rows.num_rows)
    merged = []
    for batch, parts in ((rows, 1), (rows.take(pa.array(order)), 7)):
        statistics = [ColumnStatistics(SCHEMA) for _ in range(parts)]
        for place, start in enumerate(range(0, batch.num_rows, 5000)):
            statistics[place % parts].add(batch.slice(start, 5000))
        whole = ColumnStatistics(SCHEMA)
        for part in reversed(statistics):
            whole.merge(part)
        merged.append(whole)
    first, second = (one.to_proto("train").SerializeToString(deterministic=True) for one in merged)
    assert first == second
    town, fare = merged[0].columns["town"], np.asarray(rows.column("fare"))
    values, counts = np.unique(rows.column("town").to_pylist(), return_counts=True)
    assert len(values) > MAX_DISTINCT
    assert town.forgot  # type: ignore[union-attr]
    assert town.distinct == pytest.approx(len(values), rel=0.03)  # type: ignore[union-attr]
    frequent = dict(zip(values.tolist(), counts.tolist(), strict=True))
    for text, count in town.ranked()[:20]:  # type: ignore[union-attr]
        assert 0 <= count - frequent[text] <= rows.num_rows / 5000
    assert {text for text, count in frequent.items() if count * 1000 > rows.num_rows} <= set(town.counts)  # type: ignore[union-attr]
    ranks = np.linspace(0.01, 0.99, 99)
    found = merged[0].columns["fare"].quantiles.at(ranks)  # type: ignore[union-attr]
    assert np.abs(np.searchsorted(np.sort(fare), found) / len(fare) - ranks).max() < 0.001


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
    st.lists(st.floats(0, 2.0**20, width=32), min_size=20, max_size=20),
)
def test_moments_are_exact(values, weights):
    moments, weighted = ExactMoments(), ExactMoments()
    moments.add(np.array(values, np.float32))
    weighted.add(np.array(values, np.float32), np.array(weights[: len(values)], np.float32))
    exact = [fractions.Fraction(value) for value in values]
    assert moments.mean == float(sum(exact) / len(exact))
    mean = sum(exact) / len(exact)
    variance = sum((one - mean) ** 2 for one in exact) / len(exact)
    assert moments.std == pytest.approx(math.sqrt(variance), rel=1e-15)
    total = sum(map(fractions.Fraction, weights[: len(values)]))
    if total:
        products = [one * fractions.Fraction(weight) for one, weight in zip(exact, weights, strict=False)]
        assert weighted.mean == float(sum(products) / total)


def test_moments_of_large_whole_numbers_and_times():
    times = np.random.default_rng(5).integers(1_700_000_000_000, 1_700_000_001_000, 200_000)
    moments = ExactMoments()
    moments.add(times)
    assert moments.mean == float(fractions.Fraction(sum(times.tolist()), len(times)))
    assert moments.std == pytest.approx((times - 1_700_000_000_000).std(), rel=1e-12)
    large = ExactMoments()
    large.add(np.array([2**63 - 1, -(2**63), 2**53 + 1], np.int64))
    assert large.mean == float(fractions.Fraction(2**53, 3))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-1000, 1000) | st.floats(-1e30, 1e30), min_size=1, max_size=200))
def test_few_numbers_are_counted_as_they_are_many_within_their_range(values):
    exact, coarse = Quantiles(), Quantiles(size=16)
    for quantiles in (exact, coarse):
        quantiles.add(np.array(values, np.float64))
        assert quantiles.total == len(values)
    low, high = min(values), max(values)
    assert exact.at([0.5])[0] == sorted(map(float, values))[(len(values) + 1) // 2 - 1]
    assert coarse.at([0.0, 1.0]).tolist() == [low, high]
    assert low <= coarse.at([0.5])[0] <= high
    if low < high:
        edges = np.linspace(low, high, 11)
        counted, _ = np.histogram(np.array(values, np.float64), edges)
        assert exact.histogram(edges).tolist() == counted.tolist()
        assert coarse.histogram(edges).sum() == pytest.approx(len(values))
        assert coarse.histogram(edges).min() >= 0


def test_hashes_of_texts_do_not_depend_on_their_neighbours_and_differ():
    texts = [f"{number:x}" * (number % 5) for number in range(50_000)] + ["", "x" * 300_000, "x" * 300_001]
    together = text_hashes(pa.array(texts))
    alone = np.concatenate([text_hashes(pa.array([text])) for text in texts[-300:]])
    assert together[-300:].tolist() == alone.tolist()
    assert text_hashes(pa.array(texts).slice(100, 50)).tolist() == together[100:150].tolist()
    assert len(set(together.tolist())) == len(set(texts))
    assert text_hashes(pa.array(["fare"])).tolist() == [0xBDFBB5F6E3995424]  # on every machine


def test_a_column_of_too_many_values_has_no_slices():
    schema = Schema.from_text('feature { name: "few" type: INT } feature { name: "many" type: BYTES }')
    rows = {"few": [row % 3 for row in range(300)], "many": [str(row) for row in range(300)]}
    parts = [ColumnStatistics(schema, slices=("few", "many")) for _ in range(2)]
    batch = pa.RecordBatch.from_pydict(rows, schema.arrow_schema)
    parts[0].add(batch.slice(0, MAX_SLICES))
    parts[1].add(batch.slice(MAX_SLICES - 1, 200))
    assert [len(part.slices["many"]) for part in parts] == [MAX_SLICES, 0]
    parts[0].merge(parts[1])
    assert parts[0].slices == {"few": ["0", "1", "2"], "many": []}
    names = [dataset.name for dataset in parts[0].to_proto("eval").datasets]
    assert names == ["eval", "few_0", "few_1", "few_2"]


def test_a_slice_keeps_less_and_says_the_same():
    rows = _many(6)
    schema = Schema.from_text('feature { name: "fare" type: FLOAT } feature { name: "half" type: BYTES }')
    half = ["a" if value > 8 else "b" for value in rows.column("fare").to_pylist()]
    statistics = ColumnStatistics(schema, slices=("half",))
    statistics.add(pa.RecordBatch.from_pydict({"fare": rows.column("fare"), "half": half}, schema.arrow_schema))
    whole, *slices = statistics.to_proto("train").datasets
    assert [one.name for one in slices] == ["half_a", "half_b"]
    assert sum(one.num_examples for one in slices) == whole.num_examples
    fare = np.asarray(rows.column("fare"))
    found = slices[0].features[0].num_stats
    assert found.mean == pytest.approx(fare[fare > 8].astype(float).mean(), rel=1e-12)
    assert found.median == pytest.approx(np.median(fare[fare > 8]), rel=0.01)
    assert SLICE.quantiles < 1000


@pytest.mark.parametrize("weight", [2.0**-30, 2.0**-20, 2.0**20, 2.0**37])
def test_no_weight_is_too_small_or_too_large_to_sum(weight):
    rows = 70_000
    batch = pa.RecordBatch.from_pydict(
        {"fare": [float(row % 7) for row in range(rows)], "town": ["here", "there"] * (rows // 2)},
        schema=pa.schema([SCHEMA.arrow_schema.field("fare"), SCHEMA.arrow_schema.field("town")]),
    )
    schema = Schema.from_text('feature { name: "fare" type: FLOAT } feature { name: "town" type: BYTES }')
    parts = []
    for _ in range(2):
        part = ColumnStatistics(schema, slices=("town",), weighted=True)
        part.add(batch, np.full(rows, weight, np.float32))
        parts.append(pickle.loads(pickle.dumps(part)))
    parts[0].merge(parts[1])
    fare, town = parts[0].to_proto("train").datasets[0].features
    assert fare.num_stats.weighted_numeric_stats.mean == pytest.approx(3.0, rel=1e-3)
    shares = [one.frequency for one in town.string_stats.weighted_string_stats.top_values]
    if weight > 2.0**-24:
        assert town.string_stats.common_stats.weighted_common_stats.num_non_missing == 2 * rows * weight
        assert shares == [rows * weight] * 2
        counts = [one.sample_count for one in fare.num_stats.weighted_numeric_stats.histograms[0].buckets]
        assert sum(counts) == pytest.approx(2 * rows * weight)
        assert min(counts) >= 0
