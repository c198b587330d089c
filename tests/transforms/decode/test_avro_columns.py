"""Which writers' schemas fit the columns, which cells a column takes, and what a schema's fingerprint is."""

import json

import numpy as np
import pytest

from schemas.errors import InputError
from schemas.rejection import Reason
from schemas.schema import Schema
from tests.support.avro_records import SCHEMA, bare, both_ways, encode, fault, record  # noqa: F401
from transforms.decode.avro_columns import WriterSchema
from transforms.decode.avro_decoder import AvroDecoder
from transforms.decode.decoding import FLOAT32_OVERFLOW, Limits

FINGERPRINT_OF_INT = bytes.fromhex("8f5c393f1ad57572")  # 0x7275d51a3f395c8f, from Avro's own test vectors


def test_fingerprints_are_those_of_the_avro_specification():
    text = json.dumps(record({"count": "int"}))
    canonical = '{"name":"Trip","type":"record","fields":[{"name":"count","type":"int"}]}'
    assert WriterSchema(text, SCHEMA, Limits(), "").fingerprint == crc_64_avro(canonical.encode())
    assert crc_64_avro(b'"int"') == FINGERPRINT_OF_INT


def crc_64_avro(data):
    """The loop of the specification."""
    crc = empty = 0xC15D213AA4D7A795
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (empty if crc & 1 else 0)
    return crc.to_bytes(8, "little")


@pytest.mark.parametrize(
    ("avro_type", "cell", "column", "reason"),
    [
        ("double", float("nan"), "fare", Reason.NUM_NONFINITE),
        ("double", float("-inf"), "fare", Reason.NUM_NONFINITE),
        ("double", FLOAT32_OVERFLOW, "fare", Reason.NUM_NONFINITE),
        ("float", float("inf"), "fare", Reason.NUM_NONFINITE),
        ("string", "a\0b", "company", Reason.ENCODING),
        ("bytes", b"\xff", "company", Reason.ENCODING),
        (["null", "string", "long"], "5", "count", Reason.TYPE),
        (["boolean", "double"], True, "fare", Reason.TYPE),
    ],
)
def test_cells_that_the_column_cannot_hold(avro_type, cell, column, reason):
    assert fault({column: avro_type}, encode({column: avro_type}, {column: cell})) == [(reason, f"/{column}")]


@pytest.mark.parametrize(
    ("avro_type", "cell", "column", "want"),
    [
        ("float", 0.1, "fare", float(np.float32(0.1))),
        ("int", 3, "fare", 3.0),
        (["long", "null"], 3, "fare", 3.0),
        ("long", 2**60 + 1, "fare", float(2**60)),
        (["long", "null"], None, "fare", None),
        ("double", -0.0, "fare", 0.0),
        (["int", "long", "string"], 2**40, "count", 2**40),
        ({"type": "long", "logicalType": "timestamp-millis"}, 5, "count", 5),
        ({"type": "enum", "name": "E", "symbols": ["Blue", "Red"]}, "Red", "company", "Red"),
        ("bytes", b"caf\xc3\xa9", "company", "caf\xe9"),
        ("null", None, "company", None),
    ],
)
def test_types_that_a_column_takes(avro_type, cell, column, want):
    if avro_type == "null":
        with pytest.raises(InputError, match="company is null, want string"):
            bare({column: avro_type})
        return
    if isinstance(avro_type, dict) and "logicalType" in avro_type:
        value = encode({column: "long"}, {column: cell})
    else:
        value = encode({column: avro_type}, {column: cell})
    assert bare({column: avro_type})([value]).batch.to_pylist()[0][column] == want


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not an Avro schema"),
        ("5", "not an Avro schema"),
        ('{"type": "record", "name": "x", "fields": [{"name": "f", "type": "nope"}]}', "not an Avro schema"),
        ('{"type":' * 50_000, "not an Avro schema"),
        ('"string"', "its top is string, want a record"),
        ('["null"]', "its top is union, want a record"),
        (json.dumps(record({"count": "double"})), "count is double, want int or long"),
        (json.dumps(record({"fare": ["null", "boolean"]})), "fare is null or boolean, want double or float"),
        (
            json.dumps(record({"company": {"type": "bytes", "logicalType": "decimal", "precision": 4}})),
            r"company is bytes \(decimal\), want string",
        ),
    ],
)
def test_a_schema_that_does_not_fit_is_refused_at_once(tmp_path, text, message):
    path = tmp_path / "trip.avsc"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        AvroDecoder.bare(SCHEMA, path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_columns_that_must_be_there_are_checked():
    schema = Schema.from_text(
        'feature { name: "at" type: INT annotation { tag: "event_time:s" } presence { min_fraction: 1 } }'
    )
    with pytest.raises(InputError, match="at is not there, and must be"):
        bare({"count": "long"}, schema)
    assert fault({"at": "long"}, b"\x02", schema) == []


def test_files_that_are_missing_or_none_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"gone\.avsc: no such Avro schema file"):
        AvroDecoder.bare(SCHEMA, tmp_path / "gone.avsc")
    with pytest.raises(InputError, match="no writer's schema given"):
        AvroDecoder.confluent(SCHEMA, {})
    with pytest.raises(InputError, match="schema id -1"):
        AvroDecoder.confluent(SCHEMA, {-1: "x"})
