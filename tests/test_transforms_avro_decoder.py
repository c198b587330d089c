"""The Avro decoder: strict about every byte, never raised by a value, and equal to JSON for the same record."""

import io
import json
import pickle
import random
import tracemalloc

import fastavro
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import InputError
from schemas.rejection import Reason
from schemas.schema import Schema
from transforms import avro_decoder
from transforms.avro_columns import WriterSchema
from transforms.avro_decoder import AvroDecoder
from transforms.decoding import FLOAT32_OVERFLOW, Limits
from transforms.json_decoder import JsonDecoder

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
FINGERPRINT_OF_INT = bytes.fromhex("8f5c393f1ad57572")  # 0x7275d51a3f395c8f, from Avro's own test vectors


@pytest.fixture(autouse=True, params=[1, 10**9], ids=["field by field", "row by row"])
def _(request, monkeypatch):
    """Every test holds for both ways of reading."""
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


@pytest.fixture
def avsc(tmp_path):
    path = tmp_path / "trip.avsc"
    path.write_text(json.dumps(record(FIELDS)))
    return path


def test_cells_are_read_and_other_fields_are_stepped_over_and_counted(avsc):
    decoded = AvroDecoder.bare(SCHEMA, avsc)([encode(FIELDS, GOOD)] * 2)
    assert decoded.batch.to_pylist() == [CELLS] * 2
    assert decoded.batch.schema == SCHEMA.arrow_schema
    assert decoded.unknown_fields == dict.fromkeys(set(FIELDS) - set(CELLS), 2)


def test_each_bad_value_is_rejected_alone_with_its_reason():
    good = encode(FIELDS, GOOD)
    bad = [(None, Reason.TOMBSTONE), (b"", Reason.AVRO_FRAME), (good + b"\0", Reason.AVRO_FRAME)]
    bad += [(b"\0" * (1 << 20) + good, Reason.TOO_LARGE)]
    decoded = bare(FIELDS)([value for one, _ in bad for value in (good, one)])
    assert [(found.row, found.reason, found.path) for found in decoded.rejections] == [
        (2 * place + 1, reason, "") for place, (_, reason) in enumerate(bad)
    ]
    assert decoded.rows.tolist() == [0, 2, 4, 6]
    assert decoded.rows.dtype == np.int64
    assert decoded.batch.to_pylist() == [CELLS] * 4


def test_single_object_frames_name_their_schema_by_fingerprint(avsc, tmp_path):
    older = tmp_path / "older.avsc"
    older.write_text(json.dumps(record({"count": "int", "note": "string"})))
    one, two = (WriterSchema(path.read_text(), SCHEMA, Limits(), "").fingerprint for path in (avsc, older))
    values = [
        b"\xc3\x01" + one + encode(FIELDS, GOOD),
        b"\xc3\x01" + two + encode({"count": "int", "note": "string"}, {"count": 5, "note": ""}),
        b"\xc3\x01" + bytes(8) + encode(FIELDS, GOOD),
        b"\xc3\x02" + one + encode(FIELDS, GOOD),
        b"\xc3\x01" + one[::-1] + encode(FIELDS, GOOD),
        b"\xc3\x01" + one[:7],
    ]
    decoded = AvroDecoder.single_object(SCHEMA, [avsc, older])(values)
    assert decoded.batch.to_pylist() == [CELLS, {"count": 5, "fare": None, "company": None}]
    assert [(found.row, found.reason) for found in decoded.rejections] == [(r, Reason.AVRO_FRAME) for r in range(2, 6)]
    assert decoded.unknown_fields["note"] == 1


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


def test_confluent_frames_name_their_schema_by_id(avsc):
    body = encode(FIELDS, GOOD)
    ids = [b"\0\0\0\1\0", b"\0\0\0\1\1", b"\0\0\1\0\0", b"\1\0\0\1\0"]
    decoded = AvroDecoder.confluent(SCHEMA, {256: avsc})([*(header + body for header in ids), b"\0\0\0\1", b"\0"])
    assert decoded.rows.tolist() == [0]
    assert {found.reason for found in decoded.rejections} == {Reason.AVRO_FRAME}


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


LONG, INT, STRING = {"count": "long"}, {"count": "int"}, {"company": "string"}
SIX = bytes([12])  # the length or count 6


@pytest.mark.parametrize(
    ("fields", "value", "reason"),
    [
        (LONG, b"\xff" * 9 + b"\x01", None),  # -2**63
        (LONG, b"\xfe" + b"\xff" * 8 + b"\x01", None),  # 2**63 - 1
        (LONG, b"\xff" * 9 + b"\x02", Reason.AVRO_FRAME),
        (LONG, b"\xff" * 100_000, Reason.AVRO_FRAME),
        (LONG, b"\x80\x00", None),
        (INT, b"\xfe\xff\xff\xff\x0f", None),
        (INT, b"\x80\x80\x80\x80\x10", Reason.INT_RANGE),
        (STRING, SIX + b"abc", Reason.AVRO_FRAME),
        (STRING, b"\x01abc", Reason.AVRO_FRAME),  # length -1
        (STRING, b"\xfe" + b"\xff" * 8 + b"\x01abc", Reason.AVRO_FRAME),
        ({"count": ["null", "long"]}, b"\x80\x00", None),
        ({"count": ["null", "long"]}, b"\x82\x00\x02", None),
        ({"count": ["null", "long"]}, b"\x01\x02", Reason.AVRO_FRAME),  # branch -1
        ({"count": ["null", "long"]}, b"\x04\x02", Reason.AVRO_FRAME),
        ({"count": ["null", "long"]}, b"\x04", Reason.AVRO_FRAME),
        ({"count": ["long", "null"]}, b"\x01\x02", Reason.AVRO_FRAME),
        ({"a": ["long", "null"]}, b"\x01\x02", Reason.AVRO_FRAME),
        ({"a": "boolean"}, b"\x02", Reason.AVRO_FRAME),
        ({"a": FIELDS["kind"]}, b"\x01", Reason.AVRO_FRAME),
        ({"a": FIELDS["kind"]}, b"\x04", Reason.AVRO_FRAME),
        ({"company": FIELDS["kind"]}, b"\x01", Reason.AVRO_FRAME),
        ({"a": FIELDS["digest"]}, b"abc", Reason.AVRO_FRAME),
        ({"a": "bytes"}, b"\x01", Reason.AVRO_FRAME),
        ({"a": {"type": "array", "items": "int"}}, b"\x05" + SIX + b"abcdef\0", None),  # a block that says its bytes
        ({"a": {"type": "array", "items": "int"}}, b"\x05\x01\0", Reason.AVRO_FRAME),
        ({"a": {"type": "array", "items": "int"}}, b"\xfe" + b"\xff" * 8 + b"\x01" + b"\0" * 9, Reason.AVRO_FRAME),
        ({"a": {"type": "array", "items": "null"}}, b"\xfe" + b"\xff" * 8 + b"\x01\0", None),  # no byte per item
        ({"a": {"type": "array", "items": EMPTY}}, b"\xfe" + b"\xff" * 8 + b"\x01\0", None),
        ({"a": {"type": "map", "values": "null"}}, b"\xfe" + b"\xff" * 8 + b"\x01\0", Reason.AVRO_FRAME),
        ({"a": ["null", NODE]}, b"\x02" * 62 + b"\0", None),
        ({"a": ["null", NODE]}, b"\x02" * 100_000, Reason.AVRO_DEPTH),
    ],
)
def test_lengths_counts_branches_and_nesting_are_not_believed(fields, value, reason):
    tracemalloc.start()
    try:
        found = fault(fields, value)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert [one for one, _ in found] == ([reason] if reason else [])


def test_a_record_that_holds_itself_cannot_be_read_and_ends():
    endless = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": "Node"}]}
    assert fault({"a": endless}, b"") == [(Reason.AVRO_DEPTH, "")]


def test_every_truncation_is_rejected():
    good = encode(FIELDS, GOOD)
    decoded = bare(FIELDS)([good[:end] for end in range(len(good))])
    assert decoded.batch.num_rows == 0
    assert {(found.reason, found.path) for found in decoded.rejections} == {(Reason.AVRO_FRAME, "")}


def test_random_damage_is_rejected_or_read_and_never_raised():
    good, rng = encode(FIELDS, GOOD), random.Random(20)
    damaged = []
    for _ in range(2_000):
        value = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            value[rng.randrange(len(value))] = rng.randrange(256)
        damaged.append(bytes(value))
    decoded = bare(FIELDS)(damaged)
    assert len(decoded.rows) + len(decoded.rejections) == len(damaged)
    assert len(decoded.rejections) > 400
    decoded.batch.validate(full=True)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.none(), st.binary(max_size=60)), max_size=5))
def test_any_bytes_give_one_end_each(values):
    decoded = bare(FIELDS)(values)
    ends = sorted([*decoded.rows.tolist(), *(found.row for found in decoded.rejections)])
    assert ends == list(range(len(values)))


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
REAL = st.floats(-3.4e38, 3.4e38)
RECORDS = st.fixed_dictionaries(
    {
        "count": st.none() | st.integers(-(2**63), 2**63 - 1),
        "fare": st.none() | REAL,
        "company": st.none() | TEXT,
        "other": st.none() | st.lists(TEXT | st.none(), max_size=2),
    }
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORDS, max_size=6))
def test_json_and_avro_of_the_same_records_give_the_same_batch(records):
    fields = {name: FIELDS[name] for name in ("other", "company", "fare", "count")}
    if all(one["other"] is None for one in records):
        fields["other"] = ["null", "long"]
    from_avro = bare(fields)([encode(fields, one) for one in records])
    from_json = JsonDecoder(SCHEMA)([json.dumps(one).encode() for one in records])
    assert from_avro.batch.equals(from_json.batch)
    assert from_avro.unknown_fields == from_json.unknown_fields
    assert from_avro.rejections == from_json.rejections == []


PLAIN = {
    "company": ["string", "null"],
    "number": "int",
    "fare": ["null", "float"],
    "count": ["null", "long"],
    "note": ["null", "bytes"],
    "real": "double",
}


def test_both_ways_of_reading_agree_on_damaged_records():
    rng, values = random.Random(5), []
    for row in range(3_000):
        content = {
            "company": rng.choice([None, "", "Blue", "caf\xe9", "x" * 200]),
            "number": rng.randint(-(2**31), 2**31 - 1) >> rng.randint(0, 31),
            "fare": rng.choice([None, 0.1, -0.0, 3e38]),
            "count": rng.choice([None, rng.randint(-(2**63), 2**63 - 1) >> rng.randint(0, 63)]),
            "note": rng.choice([None, b"\xff\0"]),
            "real": rng.random(),
        }
        value = bytearray(encode(PLAIN, content))
        if row % 2:
            for _ in range(rng.randint(1, 3)):
                value[rng.randrange(len(value))] = rng.choice([0, 1, 2, 4, 127, 128, 255, rng.randrange(256)])
        values.append(bytes(value[: rng.randint(0, len(value))]) if row % 7 == 0 else bytes(value))
    decoder, read_many = bare(PLAIN), 0
    for start in range(0, len(values), 6):
        some = values[start : start + 6]
        each, many = decoder._each(some), decoder._many(some)
        if many is not None:
            read_many += 1
            assert many.batch.equals(each.batch)
            assert many.rows.tolist() == each.rows.tolist()
            assert many.rejections == each.rejections
            assert many.unknown_fields == each.unknown_fields
    assert read_many > 250


def test_values_of_many_bytes_are_read_one_by_one():
    value = encode({"company": "string"}, {"company": "x" * 1_000_000})
    decoder = bare({"company": "string"})
    assert decoder._many([value] * 16) is not None
    assert decoder._many([value] * 17) is None


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


def test_columns_that_must_be_there_and_units_of_time_are_checked():
    schema = Schema.from_text(
        'feature { name: "at" type: INT annotation { tag: "event_time:s" } presence { min_fraction: 1 } }'
    )
    with pytest.raises(InputError, match="at is not there, and must be"):
        bare({"count": "long"}, schema)
    with pytest.raises(InputError, match="at is timestamp-millis, want event time in s"):
        bare({"at": {"type": "long", "logicalType": "timestamp-millis"}}, schema)
    assert fault({"at": "long"}, b"\x02", schema) == []


def test_files_that_are_missing_or_none_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"gone\.avsc: no such Avro schema file"):
        AvroDecoder.bare(SCHEMA, tmp_path / "gone.avsc")
    with pytest.raises(InputError, match="no writer's schema given"):
        AvroDecoder.confluent(SCHEMA, {})
    with pytest.raises(InputError, match="schema id -1"):
        AvroDecoder.confluent(SCHEMA, {-1: "x"})


def test_a_pickled_decoder_needs_no_files(avsc):
    value = b"\0\0\0\0\7" + encode(FIELDS, GOOD)
    pickled = pickle.dumps(AvroDecoder.confluent(SCHEMA, {7: avsc}, Limits(max_bytes=len(value))))
    avsc.unlink()
    decoded = pickle.loads(pickled)([value, value + b"\0"])
    assert decoded.batch.to_pylist() == [CELLS]
    assert decoded.rejections[0].reason is Reason.TOO_LARGE
