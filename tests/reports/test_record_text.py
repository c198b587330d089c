"""Records as lines: whatever bytes and times a producer wrote."""

import json

import pytest

from beam_jobs.kafka.records import Record
from beam_jobs.reports.record_text import json_line, line

END_OF_9999 = 253_402_300_799_999


def record(time=0, key=None, value=None, headers=()):
    return Record("t", 1, 7, time, key, value, list(headers))


@pytest.mark.parametrize(
    ("milliseconds", "text", "iso"),
    [
        (1_400_269_500_123, "2014-05-16 19:45:00.123", "2014-05-16T19:45:00.123Z"),
        (0, "1970-01-01 00:00:00.000", "1970-01-01T00:00:00.000Z"),
        (END_OF_9999, "9999-12-31 23:59:59.999", "9999-12-31T23:59:59.999Z"),
        (END_OF_9999 + 1, "253402300800000 ms since 1970", None),
        (-1, "no time", None),
        (-2, "-2 ms since 1970", None),
        (-62_135_596_800_001, "-62135596800001 ms since 1970", None),
        (2**63 - 1, "9223372036854775807 ms since 1970", None),
        (-(2**63), "-9223372036854775808 ms since 1970", None),
    ],
)
def test_every_64_bit_time_is_shown(milliseconds, text, iso):
    assert line(record(milliseconds)) == f"1/7  {text}  null  null"
    found = json.loads(json_line(record(milliseconds)))
    assert (found["timestamp_ms"], found["time"]) == (milliseconds, iso)


def test_a_json_line_has_all_of_a_record_and_what_is_no_text_in_base64():
    large = b"x" * 2_000_000
    found = json.loads(json_line(record(0, b"\xff", large, [("h", b"\xfe"), ("h", None), ("\udcff", b"v")])))
    assert (found["partition"], found["offset"]) == (1, 7)
    assert found["key_base64"] == "/w=="
    assert "key" not in found
    assert found["value"] == large.decode()
    assert found["headers"][:2] == [{"name": "h", "value_base64": "/g=="}, {"name": "h", "value": None}]
    assert found["headers"][2]["value"] == "v"
    assert json.loads(json_line(record()))["value"] is None, "a tombstone"
    assert "\n" not in json_line(record(0, b"a\nb", b"\x1b[2J"))


def test_for_people_long_ones_are_cut_and_nothing_is_obeyed():
    text = line(record(0, b"k" * 500, b"\x1b[2J\xff", [("h", b"v" * 401)]))
    assert text.count("... (500 bytes)") == 1
    assert text.endswith("... (401 bytes)")
    assert "\\x1b[2J\\xff" in text
    assert text.isprintable()
