"""What a topic holds, read from one offset to another, for jobs that look back at what was written."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from beam_jobs.kafka.client import Consumer
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_consumer
from beam_jobs.kafka.records import Polled, Record

_MAX_RECORDS = 10_000
_POLL_S = 0.5


class Step(NamedTuple):
    """What one poll brought, perhaps nothing, and the next offset of every partition behind it."""

    polled: Polled
    next_offsets: dict[int, int]


def read_topic(servers: Connection | str, topic: str) -> list[Record]:
    """Return the records that the topic has when called, by partition and offset."""
    consumer = open_consumer(servers, topic)
    try:
        found = [record for step in read_until_end(consumer) for record in step.polled.rows(topic)]
    finally:
        consumer.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))


def read_until_end(
    consumer: Consumer, begin: Mapping[int, int] | None = None, max_records: int = _MAX_RECORDS
) -> Iterator[Step]:
    """Yield what these partitions have when called, from these offsets on; by default all of the topic."""
    if begin is None:
        begin = consumer.beginning_offsets(consumer.partitions)
    yield from read(consumer, begin, consumer.end_offsets(sorted(begin)), max_records)


def read(
    consumer: Consumer,
    begin: Mapping[int, int],
    ends: Mapping[int, int] | None,
    max_records: int = _MAX_RECORDS,
    poll_s: float = _POLL_S,
) -> Iterator[Step]:
    """Yield what polls bring from these offsets on, nothing from behind the ends; without ends, for ever."""
    at = dict(begin)
    consumer.go_to(at)
    while ends is None or any(at[partition] < end for partition, end in ends.items()):
        polled = consumer.poll(poll_s, max_records)
        at.update(consumer.positions())
        if ends is None:
            yield Step(polled, dict(at))
        else:
            yield Step(polled.before(ends), {p: min(offset, ends.get(p, offset)) for p, offset in at.items()})
