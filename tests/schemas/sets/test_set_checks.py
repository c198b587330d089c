"""Limits on whole sets and comparators between two: what each of them finds, and as what the field's tools see it."""

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics

from schemas.schema import Schema
from schemas.sets.anomalies_proto import to_proto
from schemas.sets.anomaly import Anomaly, from_json
from schemas.sets.set_checks import drift, of_limits, skew
from schemas.statistics.columns import ColumnStatistics

TOWN = 'name: "town" type: BYTES'
FARE = 'name: "fare" type: FLOAT'


def schema(*features: str, rest: str = "") -> Schema:
    return Schema.from_text(" ".join(f"feature {{ {feature} }}" for feature in features) + rest)


def seen(of: Schema, **columns: list) -> ColumnStatistics:
    statistics = ColumnStatistics(of)
    statistics.add(pa.RecordBatch.from_pydict(columns, of.arrow_schema))
    return statistics


def dataset(of: Schema, **columns: list) -> DatasetFeatureStatistics:
    return seen(of, **columns).to_proto("x").datasets[0]


def short(found: list[Anomaly]) -> list[tuple[str, str, float]]:
    return [(one.type, one.severity, round(one.found, 6)) for one in found]


@pytest.mark.parametrize(
    ("limit", "wanted"),
    [
        ("presence { min_count: 4 }", ("FEATURE_TYPE_LOW_NUMBER_PRESENT", "error", 3)),
        ("presence { min_fraction: 0.9 }", ("FEATURE_TYPE_LOW_FRACTION_PRESENT", "error", 0.75)),
        ("unique_constraints { min: 3 max: 9 }", ("FEATURE_TYPE_LOW_UNIQUE", "error", 2)),
        ("unique_constraints { min: 1 max: 1 }", ("FEATURE_TYPE_HIGH_UNIQUE", "error", 2)),
        ('string_domain { value: "a" }', ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "warning", 1)),
        (
            'string_domain { value: "a" } distribution_constraints { min_domain_mass: 0.7 }',
            ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "error", 0.666667),
        ),
    ],
)
def test_limits_of_a_column(limit: str, wanted: tuple[str, str, float]) -> None:
    of = schema(f"{TOWN} {limit}")
    assert short(of_limits(seen(of, town=["a", "a", "b", None]), of)) == [wanted]


def test_a_column_without_any_value_is_a_warning_where_inference_writes_the_limit() -> None:
    of = schema(f"{TOWN} presence {{ min_count: 1 }}")
    assert short(of_limits(seen(of, town=[None, None]), of)) == [("FEATURE_TYPE_LOW_NUMBER_PRESENT", "warning", 0)]


def test_limits_of_the_number_of_rows() -> None:
    of = schema(TOWN, rest="dataset_constraints { min_examples_count: 3 }")
    assert short(of_limits(seen(of, town=["a"] * 2), of)) == [("DATASET_LOW_NUM_EXAMPLES", "error", 2)]
    assert of_limits(seen(of, town=["a"] * 3), of) == []
    of = schema(TOWN, rest="dataset_constraints { max_examples_count: 3 }")
    assert short(of_limits(seen(of, town=["a"] * 4), of)) == [("DATASET_HIGH_NUM_EXAMPLES", "error", 4)]


def test_l_infinity_is_the_largest_difference_of_a_share() -> None:
    of = schema(f"{TOWN} drift_comparator {{ infinity_norm {{ threshold: 0.2 }} }}")
    half = dataset(of, town=["a", "b"])
    assert drift(half, dataset(of, town=["a"] * 7 + ["b"] * 3), of, "") == []
    assert short(drift(half, dataset(of, town=["a"] * 3 + ["b"]), of, "")) == [
        ("COMPARATOR_L_INFTY_HIGH", "error", 0.25)
    ]
    assert skew({"train": half, "eval": dataset(of, town=["c"])}, of) == [], "a drift comparator is not of splits"


def test_jensen_shannon_of_texts_and_numbers() -> None:
    limit = "skew_comparator { jensen_shannon_divergence { threshold: 0.03 } }"
    of = schema(f"{TOWN} {limit}", f"{FARE} {limit}")
    random = np.random.default_rng(0)
    one, same, other = random.normal(size=4000), random.normal(size=4000), random.normal(3.0, size=4000)
    sets = [
        dataset(of, town=town * 2000, fare=fare.tolist())
        for town, fare in ((["a", "b"], one), (["a", "b"], same), (["a", "c"], other))
    ]
    assert skew(dict(zip(("train", "eval"), sets[:2], strict=True)), of) == []
    found = skew({"train": sets[0], "eval": sets[1], "test": sets[2]}, of)
    assert [(one.column, one.where) for one in found] == [("town", "train and test"), ("fare", "train and test")]
    # Half of the texts are the other's: (1 bit + 1 bit) / 2 / 2. Two normals three deviations apart: 0.76 by integral.
    assert [one.found for one in found] == [pytest.approx(0.5), pytest.approx(0.76, abs=0.06)]


def test_the_number_of_rows_may_drift_within_limits() -> None:
    of = schema(
        TOWN,
        rest="dataset_constraints { num_examples_drift_comparator "
        "{ min_fraction_threshold: 0.5 max_fraction_threshold: 2 } }",
    )
    four = dataset(of, town=["a"] * 4)
    assert drift(four, dataset(of, town=["a"] * 2), of, "") == []
    assert short(drift(four, dataset(of, town=["a"]), of, "")) == [("COMPARATOR_LOW_NUM_EXAMPLES", "error", 0.25)]
    assert short(drift(four, dataset(of, town=["a"] * 9), of, "")) == [("COMPARATOR_HIGH_NUM_EXAMPLES", "error", 2.25)]


def test_nothing_to_compare_is_a_warning() -> None:
    personal = 'annotation { tag: "personal:hash" } drift_comparator { infinity_norm { threshold: 0.2 } }'
    of = schema(f"{TOWN} {personal}")
    both = dataset(of, town=["a"])
    assert short(drift(both, both, of, "")) == [("COMPARATOR_CONTROL_DATA_MISSING", "warning", 0)]


def test_anomalies_as_the_fields_tools_have_them() -> None:
    of = schema(f"{TOWN} presence {{ min_count: 9 min_fraction: 0.9 }}", FARE)
    found = [
        *of_limits(seen(of, town=["a", None], fare=[1.0, 2.0]), of),
        Anomaly("", "NO_DATA_IN_SPAN", "warning", "x", 1, 0),
    ]
    proto = to_proto(found, of.proto)
    assert list(proto.anomaly_info) == ["town"]
    info = proto.anomaly_info["town"]
    assert info.severity == anomalies_pb2.AnomalyInfo.ERROR
    assert {anomalies_pb2.AnomalyInfo.Type.Name(reason.type) for reason in info.reason} == {
        "FEATURE_TYPE_LOW_NUMBER_PRESENT",
        "FEATURE_TYPE_LOW_FRACTION_PRESENT",
    }
    assert proto.dataset_anomaly_info.severity == anomalies_pb2.AnomalyInfo.WARNING
    assert proto.baseline == of.proto
    assert [from_json(one.to_json()) for one in found] == found
