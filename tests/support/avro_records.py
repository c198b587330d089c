"""Avro records of one schema, good ones and their encoding, for the tests of the Avro decoder's modules."""

import io
import json

import fastavro
import pytest

from schemas.schema import Schema
from transforms.decode import avro_decoder
from transforms.decode.avro_decoder import AvroDecoder

SCHEMA = Schema.from_text(
    'feature { name: "count" type: INT } feature { name: "fare" type: FLOAT } feature { name: "company" type: BYTES }'
)
NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
EMPTY = {"type": "record", "name": "Empty", "fields": [{"name": "n", "type": "null"}]}
FIELDS = {
    "other": ["null", {"type": "array", "items": ["null", "string", {"type": "map", "values": "double"}]}],
    "company": ["null", "string"],
    "fare": ["null", "double"],
    "count": ["null", "long"],
    "node": ["null", NODE],
    "nothings": {"type": "array", "items": "null"},
    "empties": {"type": "array", "items": EMPTY},
    "kind": {"type": "enum", "name": "Kind", "symbols": ["a", "b"]},
    "digest": {"type": "fixed", "name": "Digest", "size": 4},
    "flag": "boolean",
    "number": "int",
}
GOOD = {
    "other": ["x", None, {"k": 1.5}],
    "company": "Blue: Ribbon",
    "fare": 12.5,
    "count": 300,
    "node": {"next": {"next": None}},
    "nothings": [None, None],
    "empties": [{"n": None}],
    "kind": "b",
    "digest": b"abcd",
    "flag": True,
    "number": -7,
}
CELLS = {"count": 300, "fare": 12.5, "company": "Blue: Ribbon"}


@pytest.fixture(autouse=True, params=[1, 10**9], ids=["field by field", "row by row"])
def both_ways(request, monkeypatch):
    """Every test of a module that imports this holds for both ways of reading."""
    monkeypatch.setattr(avro_decoder, "_MANY", request.param)


def record(fields):
    return {"type": "record", "name": "Trip", "fields": [{"name": n, "type": t} for n, t in fields.items()]}


def encode(fields, content):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(record(fields)), content)
    return out.getvalue()


def bare(fields, schema=SCHEMA, limits=None):
    return AvroDecoder(schema, {b"": (json.dumps(record(fields)), "trip.avsc")}, limits)


def fault(fields, value, schema=SCHEMA, limits=None):
    decoded = bare(fields, schema, limits)([value])
    return [(found.reason, found.path) for found in decoded.rejections]
