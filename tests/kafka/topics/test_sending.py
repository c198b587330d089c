"""Events are sent at their rate, each to the partition of its key, and all have arrived when sending returns."""

from collections.abc import Callable, Sequence

import pytest

from beam_jobs.kafka.client import Delivery
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.partitions import partition_of_key
from beam_jobs.kafka.records import Outgoing
from beam_jobs.kafka.topics.contents import read_topic
from beam_jobs.kafka.topics.sending import send_rows
from schemas.errors import ServiceError


class Paced:
    """A producer and a clock that no time passes on but by sleeping."""

    delivery_s = 1.0

    def __init__(self) -> None:
        self.now = 0.0
        self.at: list[float] = []

    def partition_count(self, topic: str, at_least: int = 0) -> int:
        return 1

    def send(self, topic: str, partition: int, records: Outgoing, max_batch_bytes: int) -> Sequence[Delivery]:
        self.at += [self.now] * len(records)
        return []

    def close(self) -> None: ...

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_events_are_spread_evenly_over_time() -> None:
    paced = Paced()
    sent = send_rows(paced, "t", [(None, b"x")] * 50, 100, lambda: paced.now, paced.sleep)
    assert sent.count == 50
    assert paced.at == pytest.approx([row / 100 for row in range(50)], abs=0.011)


def test_all_have_arrived_each_where_its_key_belongs(broker: str, topics: Callable[..., str]) -> None:
    topic = topics("sent", partitions=3)
    events = [(b"%d" % row if row % 2 else None, b"%d" % row) for row in range(2_500)]
    producer = open_producer(Connection.of(broker))
    try:
        sent = send_rows(producer, topic, events)
    finally:
        producer.close()
    assert sent.count == len(events)
    found = read_topic(broker, topic)
    assert sorted(int(record.value or b"") for record in found) == list(range(2_500))
    assert all(record.partition == partition_of_key(record.key, 3) for record in found if record.key is not None)
    assert {record.partition for record in found if record.key is None} == {0, 1, 2}


def test_a_topic_that_is_not_there_is_said(broker: str) -> None:
    producer = open_producer(Connection.of(broker))
    try:
        with pytest.raises(ServiceError, match="no-such-topic"):
            send_rows(producer, "no-such-topic", [(None, b"x")])
    finally:
        producer.close()
