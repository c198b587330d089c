"""What a poll brings, the same over both libraries."""

from collections.abc import Callable, Iterator

import pytest

from beam_jobs.kafka.client import Consumer
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_consumer
from beam_jobs.kafka.records import Polled
from tests.support.kafka_records import put


@pytest.fixture(params=["kafka-python", "confluent"])
def consumer(request: pytest.FixtureRequest, broker: str, topics: Callable[..., str]) -> Iterator[Consumer]:
    """Of a topic with two partitions of 20 records each, which came in turn."""
    topic = topics("turns", partitions=2)
    for number in range(10):
        for partition in (0, 1):
            put(broker, topic, partition, [b"%d" % (2 * number), b"%d" % (2 * number + 1)])
    opened = open_consumer(Connection(servers=broker, kafka_client=request.param), topic)
    yield opened
    opened.close()


@pytest.mark.parametrize("at_once", [7, 1_000])
def test_partitions_stand_together_each_in_order(consumer: Consumer, at_once: int) -> None:
    consumer.go_to({0: 0, 1: 0})
    at, polls = {0: 0, 1: 0}, 0
    while at != {0: 20, 1: 20}:
        polled = consumer.poll(20, at_once)
        assert 0 < len(polled) <= at_once, f"behind {at}"
        runs = by_run(polled)
        assert len(runs) == len(set(polled.partitions)), "each partition once"
        for partition, offsets in runs:
            assert offsets == list(range(at[partition], at[partition] + len(offsets)))
            at[partition] += len(offsets)
        polls += 1
    assert polls >= 40 / at_once


def by_run(polled: Polled) -> list[tuple[int, list[int]]]:
    """The offsets of records of one partition that stand together."""
    runs: list[tuple[int, list[int]]] = []
    for partition, offset in zip(polled.partitions, polled.offsets, strict=True):
        if not runs or runs[-1][0] != partition:
            runs.append((partition, []))
        runs[-1][1].append(offset)
    return runs
