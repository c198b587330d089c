"""Our headers behind the event's own: written, read back, and not to be forged by a producer."""

import hashlib

import pytest

from beam_jobs.kafka.kafka_python.batches import encode_batches
from beam_jobs.kafka.records import Outgoing
from beam_jobs.stream.rejected_records import RejectedRecord, attempt_of, our_headers, record_bytes, with_stubs
from schemas.rejection import Reason, Rejection, Stage
from tests.support.present import present

REJECTION = Rejection(0, Stage.DECODE, Reason.TYPE, "/fare")


def ours(attempt=1):
    return our_headers(REJECTION, "trips/with/slashes/3/17", "b-1", attempt)


def test_what_is_written_is_read_back():
    theirs = [("a", None), ("a", b"\xff"), ("traceparent", b"00")]
    found = RejectedRecord.read([*theirs, *ours(2)])
    assert found == RejectedRecord(Reason.TYPE, "trips/with/slashes", 3, 17, 2, False, theirs, "/fare")


def test_a_producer_that_uses_our_names_changes_nothing():
    forged = [("onegraph.reason", b"RANGE"), ("onegraph.attempt", b"0"), ("b", b"1"), ("onegraph.source", b"x/0/0")]
    forged += [("onegraph.value_sha256", b"00")]
    found = RejectedRecord.read([*forged, *ours()])
    assert found == RejectedRecord(Reason.TYPE, "trips/with/slashes", 3, 17, 1, False, [("b", b"1")], "/fare")


@pytest.mark.parametrize(
    "broken",
    [
        {"onegraph.reason": b"SOMETHING"},
        {"onegraph.reason": b"\xff"},
        {"onegraph.reason": None},
        {"onegraph.source": b"trips"},
        {"onegraph.source": b"trips/a/b"},
        {"onegraph.source": b"trips/-1/0"},
        {"onegraph.attempt": b"many"},
        {"onegraph.attempt": b"0"},
        {"onegraph.attempt": b"100"},
    ],
    ids=str,
)
def test_headers_that_are_not_ours_are_not_trusted(broken):
    assert RejectedRecord.read([(name, broken.get(name, value)) for name, value in ours()]) is None


def test_no_headers_are_not_ours():
    assert RejectedRecord.read([]) is None
    assert RejectedRecord.read([("onegraph.reason", b"TYPE")]) is None


@pytest.mark.parametrize("text", [b"", b"0", b"-2", b"1e9", b"\xff", b"100", b" 2", None], ids=str)
def test_an_attempt_that_nobody_of_ours_wrote_is_the_first(text):
    assert attempt_of([("onegraph.attempt", text)]) == 1


def test_the_last_attempt_counts():
    assert attempt_of([("onegraph.attempt", b"9"), ("x", b"1"), ("onegraph.attempt", b"3")]) == 3


def rejected(*records):
    keys, values, headers = zip(*records, strict=True)
    count = len(records)
    return Outgoing([0] * count, [5] * count, list(keys), list(values), list(headers))


def test_what_does_not_fit_becomes_a_stub_with_hash_and_length():
    large = b"x" * 5_000
    records = rejected((b"k", large, [("theirs", b"1"), *ours()]), (b"k", b"small", [("theirs", b"1"), *ours()]))
    found, count = with_stubs(records, 2_000)
    assert count == 1
    assert found.keys == [b"k", b"k"]
    assert found.values == [None, b"small"]
    assert found.timestamps_ms == [5, 5]
    sha256 = hashlib.sha256(large).hexdigest().encode()
    headers = present(found.headers)
    assert headers[0] == [*ours(), ("onegraph.value_sha256", sha256), ("onegraph.value_bytes", b"5000")]
    assert headers[1] == present(records.headers)[1]
    assert present(RejectedRecord.read(headers[0])).is_stub
    assert not present(RejectedRecord.read(headers[1])).is_stub
    assert with_stubs(records, 10_000) == (records, 0)


def test_a_key_or_headers_of_others_that_do_not_fit_go_too():
    found, count = with_stubs(
        rejected((b"k" * 5_000, None, ours()), (b"k", None, [("a", b"x" * 5_000), *ours()])), 2_000
    )
    assert (count, found.keys, found.values) == (2, [None, b"k"], [None, None])
    assert all(len(headers) == len(ours()) + 2 for headers in present(found.headers))


@pytest.mark.parametrize("size", [0, 1, 300, 70_000])
def test_the_size_of_a_record_is_not_more_than_we_say(size):
    key, value, headers = b"k" * (size // 2), b"v" * size, [("h" * 10, b"x" * size), ("n", None)]
    (batch,) = encode_batches([0], [key], [value], [headers], 1)
    batch.close()
    assert len(batch.buffer()) <= record_bytes(key, value, headers)
