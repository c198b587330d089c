"""The Avro decoder: strict about every byte, never raised by a value, and equal to JSON for the same record."""

import json
import pickle
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.rejection import Reason
from tests.support.avro_records import CELLS, FIELDS, GOOD, SCHEMA, bare, both_ways, encode, record  # noqa: F401
from transforms.decode.avro_columns import WriterSchema
from transforms.decode.avro_decoder import AvroDecoder
from transforms.decode.decoding import Limits
from transforms.decode.json_decoder import JsonDecoder


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


def test_confluent_frames_name_their_schema_by_id(avsc):
    body = encode(FIELDS, GOOD)
    ids = [b"\0\0\0\1\0", b"\0\0\0\1\1", b"\0\0\1\0\0", b"\1\0\0\1\0"]
    decoded = AvroDecoder.confluent(SCHEMA, {256: avsc})([*(header + body for header in ids), b"\0\0\0\1", b"\0"])
    assert decoded.rows.tolist() == [0]
    assert {found.reason for found in decoded.rejections} == {Reason.AVRO_FRAME}


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


def test_a_pickled_decoder_needs_no_files(avsc):
    value = b"\0\0\0\0\7" + encode(FIELDS, GOOD)
    pickled = pickle.dumps(AvroDecoder.confluent(SCHEMA, {7: avsc}, Limits(max_bytes=len(value))))
    avsc.unlink()
    decoded = pickle.loads(pickled)([value, value + b"\0"])
    assert decoded.batch.to_pylist() == [CELLS]
    assert decoded.rejections[0].reason is Reason.TOO_LARGE
