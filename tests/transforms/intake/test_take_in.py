"""Intake: every value ends once, as a row or as a rejection, and validation's rows are the input's rows."""

import csv
import gzip
import importlib.resources
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.rejection import Reason, Stage
from schemas.schema import SERVING, Schema
from transforms.decode.csv_decoder import CsvDecoder, split_lines
from transforms.decode.csv_header import read_header
from transforms.decode.json_decoder import JsonDecoder
from transforms.intake.take_in import take_in

SCHEMA = Schema.from_text(
    'feature { name: "fare" type: FLOAT presence { min_fraction: 1 } float_domain { min: 0 max: 100 } } '
    'feature { name: "at" type: INT int_domain { min: 0 max: 9 } annotation { tag: "event_time:s" } }'
)
ROOT = importlib.resources.files("schemas")


def test_rows_and_rejections_are_numbered_by_the_input():
    values = [b'{"fare": 1}', b"{", b'{"fare": -1}', b'{"fare": 2, "at": 10}', b'{"at": 1}', b'{"fare": 3, "at": 9}']
    intake = take_in(values, JsonDecoder(SCHEMA), SCHEMA)
    assert intake.rows.tolist() == [0, 5]
    assert intake.batch.to_pydict() == {"fare": [1.0, 3.0], "at": [None, 9]}
    assert [(found.row, found.stage, found.reason, found.path) for found in intake.rejections] == [
        (1, Stage.DECODE, Reason.JSON_SYNTAX, ""),
        (2, Stage.VALIDATE, Reason.RANGE, "/fare"),
        (3, Stage.VALIDATE, Reason.TIME_RANGE, "/at"),
        (4, Stage.VALIDATE, Reason.REQUIRED, "/fare"),
    ]


_PARTS = st.sampled_from(['"fare": 1', '"fare": -1', '"fare": 1e39', '"at": 5', '"at": 50', '"at": "x"', '"x": 1', "{"])


@settings(max_examples=200, deadline=None)
@given(records=st.lists(st.lists(_PARTS, max_size=3), max_size=10))
def test_every_value_ends_exactly_once_and_as_it_would_alone(records):
    values = [("{" + ", ".join(parts) + "}").encode() for parts in records]
    intake = take_in(values, JsonDecoder(SCHEMA), SCHEMA)
    assert sorted([*intake.rows.tolist(), *(found.row for found in intake.rejections)]) == list(range(len(values)))
    alone = [take_in([value], JsonDecoder(SCHEMA), SCHEMA) for value in values]
    assert intake.batch.to_pylist() == [row for one in alone for row in one.batch.to_pylist()]
    assert [one.reason for one in intake.rejections] == [found.reason for one in alone for found in one.rejections]


def _trips():
    lines, _ = split_lines(gzip.decompress((ROOT / "data" / "taxi.csv.gz").read_bytes()), final=True)
    return read_header(lines[0], "taxi.csv.gz"), lines[1:]


def test_the_shipped_trips_are_taken_in_without_a_rejection():
    header, lines = _trips()
    schema = Schema.from_text((ROOT / "taxi.pbtxt").read_text())
    intake = take_in(lines, CsvDecoder(schema, header), schema)
    assert (intake.batch.num_rows, intake.rejections, intake.unknown_fields) == (15_002, [], {})


def test_a_serving_schema_ignores_what_only_training_has():
    header, lines = _trips()
    schema = Schema.from_text((ROOT / "taxi.pbtxt").read_text()).environment(SERVING)
    intake = take_in(lines[:100], CsvDecoder(schema, header), schema)
    assert "tips" not in intake.batch.schema.names
    assert intake.unknown_fields == {}
    events = [json.dumps(dict(zip(header, row, strict=True))).encode() for row in csv.reader([lines[0].decode()])]
    assert take_in(events, JsonDecoder(schema), schema).rejections[0].reason is Reason.TYPE
