"""What a topic holds, read from one offset to another, with both clients."""

from collections.abc import Callable, Iterator

import pytest

from beam_jobs.kafka.client import Consumer
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_consumer
from beam_jobs.kafka.topics.contents import read, read_topic, read_until_end
from tests.support.kafka_records import put


@pytest.fixture(params=["kafka-python", "confluent"])
def connection(request: pytest.FixtureRequest, broker: str) -> Connection:
    return Connection(servers=broker, kafka_client=request.param)


@pytest.fixture
def filled(broker: str, topics: Callable[..., str]) -> str:
    """A topic of 3 partitions with 40, 0 and 7 records."""
    topic = topics("held", partitions=3)
    for partition, count in ((0, 40), (2, 7)):
        put(broker, topic, partition, [b"%d" % offset for offset in range(count)], keys=[b"k"] * count)
    return topic


@pytest.fixture
def consumer(connection: Connection, filled: str) -> Iterator[Consumer]:
    opened = open_consumer(connection, filled)
    yield opened
    opened.close()


def test_a_topic_is_read_whole_by_partition_and_offset(connection: Connection, filled: str) -> None:
    found = read_topic(connection, filled)
    wanted = [(filled, p, offset, b"%d" % offset) for p, count in ((0, 40), (2, 7)) for offset in range(count)]
    assert [(one.topic, one.partition, one.offset, one.value) for one in found] == wanted
    assert {one.key for one in found} == {b"k"}


def test_steps_say_where_reading_is_and_have_nothing_from_behind_the_end(
    broker: str, consumer: Consumer, filled: str
) -> None:
    steps = read_until_end(consumer, max_records=9)
    first = next(steps)
    put(broker, filled, 1, [b"later"] * 50)
    put(broker, filled, 2, [b"later"] * 50)
    rest = list(steps)
    rows = [row for step in (first, *rest) for row in step.polled.rows(filled)]
    assert len(rows) == 47
    assert b"later" not in [row.value for row in rows]
    assert max(len(step.polled) for step in (first, *rest)) <= 9
    assert rest[-1].next_offsets == {0: 40, 1: 0, 2: 7}


def test_from_offsets_on_and_without_an_end(broker: str, consumer: Consumer, filled: str) -> None:
    begin = {0: 38, 1: 0, 2: 7}
    found = [row.offset for step in read_until_end(consumer, begin) for row in step.polled.rows(filled)]
    assert found == [38, 39]
    assert list(read_until_end(consumer, {})) == [], "no partition is not all of them"
    assert [row.offset for step in read_until_end(consumer, {2: 5}) for row in step.polled.rows(filled)] == [5, 6]
    seen: list[bytes | None] = []
    steps = read(consumer, begin, None, poll_s=0.1)
    while len(seen) < 2:
        seen += next(steps).polled.values
    put(broker, filled, 1, [b"later"])  # once, however many steps bring nothing
    while len(seen) < 3:
        step = next(steps)
        seen += step.polled.values
    assert seen == [b"38", b"39", b"later"]
    assert step.next_offsets == {0: 40, 1: 1, 2: 7}
