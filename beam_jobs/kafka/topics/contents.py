"""All that a topic holds now, for jobs that look back at what was written."""

from typing import Any

from beam_jobs.kafka.clients.choice import open_consumer
from beam_jobs.kafka.connection import Connection

_POLL_S = 0.5


def read_topic(servers: Connection | str, topic: str) -> list[Any]:
    """Return the client's records that the topic has when called, by partition and offset."""
    consumer = open_consumer(servers, topic)
    try:
        ends = consumer.end_offsets(consumer.partitions)
        at = consumer.beginning_offsets(consumer.partitions)
        consumer.go_to(at)
        found: list[Any] = []
        while any(at[partition] < end for partition, end in ends.items()):
            for partition, records in consumer.poll(_POLL_S, 10_000).items():
                found += [record for record in records if record.offset < ends[partition]]
            at.update(consumer.positions())
    finally:
        consumer.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))
