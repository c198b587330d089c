"""No length, count, branch or depth of a value is believed: damage is rejected or read, and never raised."""

import random
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.rejection import Reason
from tests.support.avro_records import EMPTY, FIELDS, GOOD, NODE, bare, both_ways, encode, fault  # noqa: F401

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
