"""Batches that cannot be read: memory stays bounded, the place is named, and an operator steps over them on purpose."""

import re
import tracemalloc
import zlib

import kafka
import kafka.codec
import lz4.frame
import pytest
import snappy
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from kafka.record import memory_records

from beam_jobs.cli.command_line import main
from beam_jobs.kafka.kafka_python import decoding
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.kafka_python.decoding import Batch, RawName, UndecodableBatch
from schemas.errors import ServiceError
from tests.kafka.kafka_python.test_batches import encoded
from tests.stream.read.test_reader import read_all, source
from tests.support.kafka_records import commit, committed, put, read
from tests.support.present import present

_HEADER_BYTES = 61  # of a batch; its records follow, all of one size here

CODECS = {
    "gzip": (kafka.codec.gzip_encode, decoding.gunzip),
    "lz4": (lz4.frame.compress, decoding.unlz4),
    "zstd": (kafka.codec.zstd_encode, decoding.unzstd),
    "snappy": (kafka.codec.snappy_encode, decoding.unsnappy),
    "snappy without framing": (snappy.compress, decoding.unsnappy),
}


@pytest.mark.parametrize("codec", CODECS)
@given(data=st.binary(max_size=3_000), times=st.integers(1, 50))
def test_what_was_compressed_comes_back(codec, data, times):
    compress, decompress = CODECS[codec]
    assert decompress(compress(data * times)) == data * times


@pytest.mark.parametrize("codec", CODECS)
def test_a_bomb_takes_no_more_memory_than_the_limit(codec, monkeypatch):
    monkeypatch.setattr(decoding, "LARGEST_BATCH_BYTES", 1 << 20)
    compress, decompress = CODECS[codec]
    fits, bomb = compress(bytes(1 << 20)), compress(bytes(64 << 20))
    assert decompress(fits) == bytes(1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(decoding._TooLarge):
            decompress(bomb)
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy"])  # zstd says nothing; records are missing then
def test_data_that_ends_too_early_is_no_shorter_batch(codec):
    compress, decompress = CODECS[codec]
    with pytest.raises((ValueError, RuntimeError, EOFError, zlib.error, zstandard.ZstdError, snappy.UncompressError)):
        assert decompress(compress(bytes(range(256)) * 9)[:-9]) == bytes(range(256)) * 9


def batch_bytes(rows):
    (builder,) = encoded(rows)
    builder.close()
    return bytearray(builder.buffer())


def test_header_names_may_be_any_bytes():
    rows = [(1, b"k", b"v", [(RawName.of(b"\xff\x00"), b"x"), ("ok", None)]), (2, None, None, [])]
    records = list(Batch(batch_bytes(rows)))
    assert [(one.timestamp, one.key, one.value) for one in records] == [(1, b"k", b"v"), (2, None, None)]
    assert [(name.encode(), value) for name, value in records[0].headers] == [(b"\xff\x00", b"x"), (b"ok", None)]


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_behind_the_crc_is_noticed(place, change):
    data = batch_bytes([(1, b"key", b"value", [("name", b"x")])] * 3)
    place = 21 + place % (len(data) - 21)
    data[place] ^= change
    with pytest.raises(UndecodableBatch, match="its CRC is wrong"):
        Batch(data).validate_crc()


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_broken_record_is_one_kind_of_error_or_leaves_the_others_whole(place, byte):
    data = batch_bytes([(1, b"key", b"value", [("name", b"x")])] * 3)
    place %= len(data) - _HEADER_BYTES
    whole = data[_HEADER_BYTES + place] == byte
    data[_HEADER_BYTES + place] = byte
    try:
        found = [(one.offset, one.timestamp, one.key, one.value, one.headers) for one in Batch(data)]
    except UndecodableBatch:
        assert not whole
        return
    assert len(found) == 3
    if not whole:
        del found[place * 3 // (len(data) - _HEADER_BYTES)]
    assert all(one == (one[0], 1, b"key", b"value", [("name", b"x")]) for one in found)
    assert {one[0] for one in found} <= {0, 1, 2}
    assert len({one[0] for one in found}) == len(found)


@pytest.mark.parametrize("codec", [0, 1], ids=["plain", "gzip"])
@pytest.mark.parametrize(("format_version", "wanted"), [(0, [-1, -1]), (1, [5, -1])])
def test_records_of_old_formats_have_a_time_or_minus_one(format_version, wanted, codec):
    """As brokers keep them that were there before Kafka 0.11; no broker of today takes one."""
    decoding.install()
    builder = memory_records.MemoryRecordsBuilder(format_version, codec, 1 << 20)
    for time_ms in (5, -1):
        builder.append(time_ms, b"k", b"v")
    builder.close()
    records = [one for batch in memory_records.MemoryRecords(builder.buffer()) for one in batch]
    assert [(one.offset, one.key, one.value) for one in records] == [(0, b"k", b"v"), (1, b"k", b"v")]
    assert [one.timestamp for one in records] == wanted
    assert all(one.validate_crc() for one in records)


def send_compressed(broker, topic, codec, values):
    producer = kafka.KafkaProducer(bootstrap_servers=broker, compression_type=codec, max_request_size=1 << 28)
    for value in values:
        producer.send(topic, value, partition=0).get(20)
    producer.close()


def stops_at(broker, topic, *says):
    """Read until the job stops; return the command that its message names."""
    with pytest.raises(ServiceError) as stopped:
        read_all(source(broker, topic))
    for words in (f"topic '{topic}' partition 0: the batch of offsets 2 to 2 cannot be decoded", *says):
        assert words in str(stopped.value)
    found = re.search(r"onegraph (skip_to .* --offset \d+)", str(stopped.value))
    return present(found).group(1).replace("GROUP", f"{topic}-group").split()


def test_a_job_stops_at_what_it_cannot_decode_until_told_to_step_over(broker, topics, monkeypatch, capsys):
    monkeypatch.setattr(decoding, "LARGEST_BATCH_BYTES", 1 << 20)
    topic = topics("bomb")
    put(broker, topic, 0, [b"a", b"b"])
    send_compressed(broker, topic, "gzip", [bytes(8 << 20)])
    put(broker, topic, 0, [b"c"])
    command = stops_at(broker, topic, "it decompresses to more than 1 MiB")
    assert main([*command, "--bootstrap-servers", broker]) == 0
    said = capsys.readouterr().out
    assert f"group '{topic}-group' leaves out offsets 0 to 2 of topic '{topic}' partition 0 (3 offsets)" in said
    assert committed(broker, topic, f"{topic}-group") == {0: 3}
    assert read_all(source(broker, topic)) == [(0, 3, b"c")]
    for wrong, says in ((["3"], "wanted --offset between 4 and 4"), (["9"], "which ends at 4"), (["-1"], "0 or more")):
        assert main([*command[:-1], *wrong, "--bootstrap-servers", broker]) != 0
        assert says in capsys.readouterr().err
    assert main(["skip_to", topic, "--partition", "7", "--offset", "1", "--bootstrap-servers", broker]) == 1
    assert "has no partition 7" in capsys.readouterr().err


def test_a_codec_that_is_not_installed_and_a_wrong_crc_name_their_place(broker, topics, monkeypatch):
    topic = topics("codec")
    put(broker, topic, 0, [b"a", b"b"])
    send_compressed(broker, topic, "zstd", [b"c" * 1_000])
    with monkeypatch.context() as without:
        without.setattr(kafka.codec, "has_zstd", lambda: False)
        stops_at(broker, topic, "UnsupportedCodecError: Libraries for zstd compression codec not found")

    class Flipped(Batch):
        __slots__ = ()

        def __init__(self, buffer):
            super().__init__(buffer)
            if self.base_offset == 2:
                self._buffer[-1] ^= 1

    with monkeypatch.context() as flipping:
        flipping.setattr(memory_records, "DefaultRecordBatch", Flipped)
        stops_at(broker, topic, "its CRC is wrong")
    commit(broker, topic, f"{topic}-group", {0: 1})
    assert read_all(source(broker, topic)) == [(0, 1, b"b"), (0, 2, b"c" * 1_000)]


def test_header_names_come_back_as_they_were_sent(broker, topics):
    topic = topics("names")
    headers = [[(RawName.of(b"\xff\xfe"), b"1")], [("n", b"x")] * 10_000]
    put(broker, topic, 0, [b"a", b"b"], headers=headers)
    found = [[(name.encode(), value) for name, value in record.headers] for record in read(broker, topic)]
    assert found == [[(b"\xff\xfe", b"1")], [(b"n", b"x")] * 10_000]


def test_no_spin_behind_records_that_came_before(broker, topics, monkeypatch):
    monkeypatch.setattr(decoding, "LARGEST_BATCH_BYTES", 1 << 20)
    topic = topics("bomb")
    put(broker, topic, 0, [b"a", b"b"])
    send_compressed(broker, topic, "gzip", [bytes(8 << 20)])
    consumer = Consumer(broker, topic)
    try:
        consumer.go_to({0: 0})
        assert consumer.poll(5, 10).values == [b"a", b"b"]
        with pytest.raises(ServiceError, match="offsets 2 to 2"):
            consumer.poll(5, 10)
    finally:
        consumer.close()
