"""Fields that the schema does not name: passed over, counted or a reason to reject; declared once for every format."""

import io
import json
import pickle

import fastavro
import pyarrow as pa
import pytest
import tensorflow as tf

from schemas.errors import InputError
from schemas.rejection import Reason
from schemas.schema import SERVING, Schema
from transforms.decode.arrow_decoder import ArrowDecoder
from transforms.decode.avro_decoder import AvroDecoder
from transforms.decode.csv_decoder import CsvDecoder
from transforms.decode.example_decoder import ExampleRecordDecoder
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
    assert intake.unknown_fields == {"x": 1}


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
    assert intake.unknown_fields == {}


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


LAYOUTS = ["csv", "arrow", "json", "avro", "example"]


def as_taken(layout, chosen, names):
    """Return a record of ones that has these columns, as values of a layout, and their decoder, come from elsewhere."""
    row = dict.fromkeys(names, 1)
    values, decoder = {
        "csv": lambda: ([b",".join([b"1"] * len(names))], CsvDecoder(chosen, names)),
        "arrow": lambda: (pa.RecordBatch.from_pylist([row]), ArrowDecoder(chosen, pa.schema([*map(int_field, names)]))),
        "json": lambda: (events(row), JsonDecoder(chosen)),
        "avro": lambda: ([avro_record(row)], AvroDecoder(chosen, {b"": (json.dumps(avro_schema(names)), "a.avsc")})),
        "example": lambda: ([example(names)], ExampleRecordDecoder(chosen)),
    }[layout]()
    return values, pickle.loads(pickle.dumps(decoder))


def int_field(name):
    return pa.field(name, pa.int64())


def avro_schema(names):
    fields = [{"name": name, "type": "long"} for name in names]
    return {"type": "record", "name": "r", "fields": fields}


def avro_record(row):
    file = io.BytesIO()
    fastavro.schemaless_writer(file, avro_schema(list(row)), row)
    return file.getvalue()


def example(names):
    one = tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))
    return tf.train.Example(features=tf.train.Features(feature=dict.fromkeys(names, one))).SerializeToString()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_many_columns_of_training_alone_are_not_counted_and_hide_no_unknown_one(layout):
    names = [f"p{at:03}" for at in range(150)]
    paid = "".join(f'feature {{ name: "{name}" type: INT not_in_environment: "SERVING" }}' for name in names)
    fare = 'annotation { tag: "unknown:reject" } feature { name: "fare" type: INT }'
    chosen = Schema.from_text(fare + paid).environment(SERVING)
    values, decoder = as_taken(layout, chosen, ["fare", *names])
    for _ in range(2):  # a decoder of JSON learns what it saw
        assert decoder(values).unknown_fields == {}
        assert take_in(values, decoder, chosen).rejections == []
    values, decoder = as_taken(layout, chosen, ["fare", *names, "x"])
    for _ in range(2):
        intake = take_in(values, decoder, chosen)
        assert [(one.reason, one.path) for one in intake.rejections] == [(Reason.UNKNOWN_FIELD, "/x")]


ROW_BY_ROW = [(lambda names: events(dict.fromkeys(names, 1))[0], JsonDecoder), (example, ExampleRecordDecoder)]


@pytest.mark.parametrize(("as_value", "make_decoder"), ROW_BY_ROW, ids=["json", "example"])
@pytest.mark.parametrize("name", ["{:03}", "long" * 20 + "{:03}", "\t{:03}"])
def test_each_row_by_itself_however_many_names_there_are(as_value, make_decoder, name):
    rows = [["fare", *(name.format(row * 7 + at) for at in range(row % 4))] for row in range(400)]
    chosen = schema("reject")
    values = [as_value(names) for names in rows]
    decoder = make_decoder(chosen)
    for _ in range(2):
        assert [one.row for one in take_in(values, decoder, chosen).rejections] == [
            row for row, names in enumerate(rows) if len(names) > 1
        ]


@pytest.mark.parametrize(("as_value", "make_decoder"), ROW_BY_ROW, ids=["json", "example"])
def test_a_long_name_that_begins_as_one_of_training_does(as_value, make_decoder):
    known = "p" * 64
    chosen = Schema.from_text(SCHEMA_OF_ANY.format(json.dumps(known))).environment(SERVING)
    names = [["fare", known], ["fare", known + "x"]]
    values = [as_value(row) for row in names]
    decoder = make_decoder(chosen)
    assert [one.row for one in take_in(values, decoder, chosen).rejections] == [1]
