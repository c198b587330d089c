"""Batches encoded by column are what kafka-python itself would write and read."""

from hypothesis import given
from hypothesis import strategies as st
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from beam_jobs.kafka.kafka_python.batches import encode_batches

times = st.integers(-1, 2**41)
texts = st.binary(max_size=40)
names = st.text(max_size=10).filter(lambda text: text.isprintable())
records = st.lists(
    st.tuples(times, st.none() | texts, st.none() | texts, st.lists(st.tuples(names, st.none() | texts), max_size=3)),
    min_size=1,
    max_size=30,
)


def encoded(rows, max_bytes=1 << 20):
    timestamps, keys, values, headers = zip(*rows, strict=True)
    return list(encode_batches(timestamps, keys, values, headers, max_bytes))


def decoded(batches):
    for builder in batches:
        builder.close()
        for batch in MemoryRecords(builder.buffer()):
            assert batch.validate_crc()
            yield from ((one.timestamp, one.key, one.value, one.headers) for one in batch)


@given(records)
def test_the_library_reads_back_every_record(rows):
    assert list(decoded(encoded(rows))) == rows


@given(records)
def test_the_bytes_are_those_of_the_library(rows):
    theirs = MemoryRecordsBuilder(2, 0, 1 << 20)
    for timestamp, key, value, headers in rows:
        theirs.append(timestamp, key, value, headers)
    (ours,) = encoded(rows)
    for builder in (theirs, ours):
        builder.set_producer_state(7, 0, 0, False)
        builder.close()
    assert bytes(ours.buffer()) == bytes(theirs.buffer())
    assert ours.next_offset() == theirs.next_offset() == len(rows)


@given(records, st.integers(1, 400))
def test_batches_are_cut_in_order_and_none_is_too_large(rows, max_bytes):
    batches = encoded(rows, max_bytes)
    for builder in batches:
        assert builder.next_offset() == 1 or builder.size_in_bytes() - 61 <= max_bytes
    assert list(decoded(batches)) == rows


def test_lengths_beyond_the_table():
    rows = [(0, b"k" * 20_000, b"v" * 3_000_000, []), (20_000, None, None, [("h", b"x" * 16_384)])]
    assert list(decoded(encoded(rows, 1 << 30))) == rows
