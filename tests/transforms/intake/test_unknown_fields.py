"""Fields that the schema does not name: passed over, counted or a reason to reject; declared once for every format."""

import json

import pyarrow as pa
import pytest

from schemas.errors import InputError
from schemas.rejection import Reason
from schemas.schema import SERVING, Schema
from transforms.decode.arrow_decoder import ArrowDecoder
from transforms.decode.csv_decoder import CsvDecoder
from transforms.decode.json_decoder import JsonDecoder
from transforms.intake.take_in import take_in

SCHEMA_OF_ANY = (
    'annotation {{ tag: "unknown:reject" }} feature {{ name: "fare" type: FLOAT }} '
    'feature {{ name: {} type: INT not_in_environment: "SERVING" }}'
)
FEATURES = """
feature { name: "fare" type: FLOAT }
feature { name: "paid" type: INT not_in_environment: "SERVING" }
feature { name: "later" type: INT lifecycle_stage: PLANNED }
"""


def schema(policy):
    tag = f'annotation {{ tag: "unknown:{policy}" }}' if policy else ""
    return Schema.from_text(tag + FEATURES, "trips.pbtxt").environment(SERVING)


def events(*records):
    return [json.dumps(record).encode() for record in records]


RECORDS = events(
    {"fare": 1}, {"fare": 2, "x": 1}, {"fare": 3, "paid": 1, "later": 2}, {"fare": "4", "x": 1}, {"fare": 5}
)


def taken(policy, values=RECORDS):
    chosen = schema(policy)
    return take_in(values, JsonDecoder(chosen), chosen)


@pytest.mark.parametrize("policy", ["", "count"])
def test_counted_if_nothing_else_is_said(policy):
    intake = taken(policy)
    assert intake.rows.tolist() == [0, 1, 2, 4]
    assert intake.unknown_fields == {"x": 1, "paid": 1, "later": 1}


def test_ignored():
    intake = taken("ignore")
    assert (intake.rows.tolist(), intake.unknown_fields) == ([0, 1, 2, 4], {})


def test_rejected_but_for_what_the_schema_names_elsewhere():
    intake = taken("reject")
    assert intake.rows.tolist() == [0, 2, 4]
    assert [(one.row, one.reason, one.path) for one in intake.rejections] == [
        (1, Reason.UNKNOWN_FIELD, "/x"),
        (3, Reason.TYPE, "/fare"),
    ]
    assert intake.batch.column("fare").to_pylist() == [1, 3, 5]
    assert set(intake.unknown_fields) == {"paid", "later"}


@pytest.mark.parametrize("size", [1, 2, 3, 64, 200])
def test_which_rows_does_not_depend_on_the_others(size):
    values = events(*({"fare": 1, "x": 1} if row % 7 == 3 else {"fare": 1} for row in range(200)))
    chosen = schema("reject")
    decoder, rejected = JsonDecoder(chosen), []
    for start in range(0, len(values), size):
        part = take_in(values[start : start + size], decoder, chosen)
        rejected += [start + one.row for one in part.rejections]
    assert rejected == [row for row in range(200) if row % 7 == 3]


def test_every_row_of_a_file_with_such_a_column():
    chosen = schema("reject")
    intake = take_in([b"1,2", b"2,3"], CsvDecoder(chosen, ["fare", "x"]), chosen)
    assert [(one.row, one.reason, one.path) for one in intake.rejections] == [
        (0, Reason.UNKNOWN_FIELD, "/x"),
        (1, Reason.UNKNOWN_FIELD, "/x"),
    ]
    assert take_in([b"1,2"], CsvDecoder(chosen, ["fare", "paid"]), chosen).rejections == []


def test_a_policy_that_is_none():
    with pytest.raises(InputError, match=r"trips.pbtxt: tag 'unknown:rejct' is none, .*, did you mean reject\?"):
        schema("rejct")
    with pytest.raises(InputError, match="unknown:reject and unknown:count: wanted one of them"):
        Schema.from_text('annotation { tag: "unknown:reject" tag: "unknown:count" }')


@pytest.mark.parametrize("name", ["p" * 70, "pa\tid"])
def test_columns_of_training_alone_are_known_however_they_are_called(name):
    text = SCHEMA_OF_ANY.format(json.dumps(name))
    chosen = Schema.from_text(text).environment(SERVING)
    assert take_in([b"1,2"], CsvDecoder(chosen, ["fare", name]), chosen).rows.tolist() == [0]


@pytest.mark.parametrize("layout", ["csv", "arrow"])
def test_many_columns_of_training_alone_hide_no_unknown_one(layout):
    names = [f"p{at}" for at in range(100)]
    paid = "".join(f'feature {{ name: "{name}" type: INT not_in_environment: "SERVING" }}' for name in names)
    fare = 'annotation { tag: "unknown:reject" } feature { name: "fare" type: FLOAT }'
    chosen = Schema.from_text(fare + paid).environment(SERVING)
    rows = pa.record_batch({name: pa.array([1]) for name in ["fare", *names, "x"]})
    if layout == "csv":
        intake = take_in([b",".join([b"1"] * 102)], CsvDecoder(chosen, rows.schema.names), chosen)
    else:
        intake = take_in(rows, ArrowDecoder(chosen, rows.schema), chosen)
    assert [(one.reason, one.path) for one in intake.rejections] == [(Reason.UNKNOWN_FIELD, "/x")]
