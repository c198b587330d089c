"""Record batches made column by column and handed to a kafka-python producer whole.

`KafkaProducer.send` costs 20 us a record (a future, two locks and a varint loop each); a batch encoded here costs 2 us
a record and one future. It also takes what `send` refuses although Kafka allows it: a null key with a null value, and
headers without a value. Everything behind it is the producer's own: sequence numbers, retries, order, acknowledgement.
It reaches into the producer's accumulator, hence the narrow version range in setup.py and a test that reads it back.
"""

from collections.abc import Iterator, Sequence

from kafka import KafkaProducer, TopicPartition
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import encode_varint

from beam_jobs.kafka.records import Header

_MAGIC = 2
_TABLE_SIZE = 16_384


def _varint(number: int) -> bytes:
    """Return the zigzag varint of Kafka's record format.

    >>> _varint(0), _varint(-1), _varint(64)
    (b'\\x00', b'\\x01', b'\\x80\\x01')
    """
    out = bytearray()
    encode_varint(number, out.append)
    return bytes(out)


_VARINTS = [_varint(number) for number in range(_TABLE_SIZE)]
_NULL = _varint(-1)
_NO_HEADERS = _varint(0)


def _number(number: int) -> bytes:
    return _VARINTS[number] if 0 <= number < _TABLE_SIZE else _varint(number)


def _bytes(data: bytes | None) -> bytes:
    return _NULL if data is None else _number(len(data)) + data


def _headers(headers: Sequence[Header]) -> bytes:
    parts = [_number(len(headers))]
    for name, value in headers:
        parts += (_bytes(name.encode()), _bytes(value))
    return b"".join(parts)


def encode_batches(
    timestamps_ms: Sequence[int],
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    headers: Sequence[Sequence[Header]] | None,
    max_bytes: int,
) -> Iterator[MemoryRecordsBuilder]:
    """Encode records, in order, as batches of at most `max_bytes`; a record that alone is larger stands alone."""
    first, size = 0, 0
    body: list[bytes] = []
    for row, (timestamp, key, value) in enumerate(zip(timestamps_ms, keys, values, strict=True)):
        tail = _NO_HEADERS if headers is None else _headers(headers[row])
        start = b"\x00" + _number(timestamp - timestamps_ms[first])
        rest = _bytes(key) + _bytes(value) + tail
        record = start + _number(row - first) + rest
        if body and size + len(record) + 5 > max_bytes:
            yield _builder(timestamps_ms[first:row], body)
            first, body, size = row, [], 0
            record = b"\x00\x00\x00" + rest
        framed = _number(len(record)) + record
        body.append(framed)
        size += len(framed)
    if body:
        yield _builder(timestamps_ms[first:], body)


def _builder(timestamps_ms: Sequence[int], body: list[bytes]) -> MemoryRecordsBuilder:
    records = MemoryRecordsBuilder(_MAGIC, 0, 1)  # a size of 1: full, so it goes out at once
    builder = records._builder
    builder._buffer += b"".join(body)
    builder._num_records = len(body)
    builder._last_offset = len(body) - 1
    builder._first_timestamp = timestamps_ms[0]
    builder._max_timestamp = max(timestamps_ms)
    records._next_offset = len(body)
    return records


def enqueue(producer: KafkaProducer, topic: str, partition: int, records: MemoryRecordsBuilder) -> ProducerBatch:
    """Queue a batch behind those of its partition; its `produce_future` ends when the broker has answered."""
    topic_partition = TopicPartition(topic, partition)
    accumulator = producer._accumulator
    batch = ProducerBatch(topic_partition, records)
    with accumulator._tp_lock(topic_partition):
        accumulator._batches[topic_partition].append(batch)
        accumulator._incomplete.add(batch)
    producer._sender.wakeup()
    return batch
