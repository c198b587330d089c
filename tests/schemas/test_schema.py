"""The schema: which columns exist where, as TFDV says it, and that what old bundles name stays what it was."""

import pathlib
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.column import Kind
from schemas.rejection import Reason
from schemas.schema import SERVING, TRAINING, Schema
from schemas.validation import unseen_values, validate

TAXI = pathlib.Path(__file__).parents[2] / "schemas" / "taxi.pbtxt"


def _names(default, feature, environment):
    text = "".join(f'default_environment: "{name}" ' for name in default)
    return Schema.from_text(f'{text} feature {{ name: "x" type: INT {feature} }}').environment(environment).names


@pytest.mark.parametrize(
    ("default", "feature", "training", "serving"),
    [
        ((), "", True, True),
        ((), 'not_in_environment: "SERVING"', True, False),
        ((), 'in_environment: "TRAINING"', True, False),
        ((), 'in_environment: "OTHER"', False, False),
        (("TRAINING", "SERVING"), "", True, True),
        (("TRAINING", "SERVING"), 'not_in_environment: "SERVING"', True, False),
        # TFDV's rule: what a feature names is added to the default environments.
        (("TRAINING", "SERVING"), 'in_environment: "TRAINING"', True, True),
        (("TRAINING",), "", True, False),
        (("TRAINING",), 'in_environment: "SERVING"', True, True),
        (("TRAINING", "SERVING"), 'in_environment: "SERVING" not_in_environment: "SERVING"', True, True),
    ],
)
def test_environments_are_those_of_tfdv(default, feature, training, serving):
    assert (_names(default, feature, TRAINING), _names(default, feature, SERVING)) == (
        ("x",) * training,
        ("x",) * serving,
    )


@pytest.mark.parametrize(
    ("stage", "there"),
    [
        ("lifecycle_stage: PLANNED", False),
        ("lifecycle_stage: ALPHA", False),
        ("lifecycle_stage: DEPRECATED", False),
        ("lifecycle_stage: DEBUG_ONLY", False),
        ("lifecycle_stage: DISABLED", False),
        ("deprecated: true", False),
        ("lifecycle_stage: BETA", True),
        ("lifecycle_stage: PRODUCTION", True),
        ("lifecycle_stage: UNKNOWN_STAGE", True),
    ],
)
def test_a_feature_that_is_not_in_use_is_no_column(stage, there):
    schema = Schema.from_text(
        f'feature {{ name: "x" type: INT {stage} presence {{ min_fraction: 1 }} }} feature {{ name: "y" type: INT }}'
    )
    assert ("x" in schema) is there
    assert ("x" in schema.environment(SERVING)) is there
    assert len(validate(pa.record_batch({"x": pa.nulls(1, pa.int64()), "y": [1]}), schema).rejections) == there


def test_a_name_may_be_used_again_by_the_feature_that_follows_a_deprecated_one():
    schema = Schema.from_text('feature { name: "x" type: INT deprecated: true } feature { name: "x" type: FLOAT }')
    assert schema["x"].kind is Kind.FLOAT


BOOLEANS = Schema.from_text("""
feature { name: "i" type: INT bool_domain { } }
feature { name: "f" type: FLOAT bool_domain { } }
feature { name: "b" type: BYTES bool_domain { true_value: "yes" false_value: "no" } }
""")


@pytest.mark.parametrize(
    ("change", "path"),
    [({"i": 2}, "/i"), ({"i": -1}, "/i"), ({"f": 0.5}, "/f"), ({"f": 1.5}, "/f"), ({"f": -1.0}, "/f")],
)
def test_a_boolean_number_is_0_or_1(change, path):
    good: list[dict[str, Any]] = [
        {"i": 0, "f": 1.0, "b": "yes"},
        {"i": None, "f": None, "b": None},
        {"i": 1, "f": 0.0, "b": "no"},
    ]
    batch = pa.RecordBatch.from_pylist([*good, {**good[0], **change}], schema=BOOLEANS.arrow_schema)
    assert validate(batch.slice(0, 3), BOOLEANS).rejections == []
    (found,) = validate(batch, BOOLEANS).rejections
    assert (found.row, found.reason, found.path) == (3, Reason.RANGE, path)


def test_words_outside_a_boolean_domain_are_unseen_as_those_of_any_domain():
    batch = pa.RecordBatch.from_pylist([{"b": word} for word in ("yes", "no", "maybe", None)], BOOLEANS.arrow_schema)
    assert unseen_values(batch, BOOLEANS) == {"b": 1}


def test_a_string_domain_of_a_number_is_no_domain():
    schema = Schema.from_text('feature { name: "n" type: INT string_domain { value: "1" } }')
    assert unseen_values(pa.record_batch({"n": [1, 2]}), schema) == {}


def test_the_fingerprints_that_bundles_name_are_what_they_were():
    schema = Schema.load(TAXI)
    wanted = text_format.Parse(TAXI.read_text(), schema_pb2.Schema())
    assert schema.text() == text_format.MessageToString(wanted)
    serving = [feature for feature in wanted.feature if SERVING not in feature.not_in_environment]
    del wanted.feature[:]
    wanted.feature.extend(serving)
    assert schema.environment(SERVING).text() == text_format.MessageToString(wanted)
    assert schema.environment(TRAINING).text() == schema.text()
