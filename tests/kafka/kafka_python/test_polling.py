"""Polls end at so many bytes, with both clients, and nothing is lost or doubled by it."""

import pytest

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_consumer
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.read.gathering import EventGatherer
from tests.support.kafka_records import put

CLIENTS = ["kafka-python", "confluent"]
SLACK = {"kafka-python": 1, "confluent": 4}  # records behind the limit: so many are taken together


@pytest.fixture(params=CLIENTS)
def client(request):
    return request.param


@pytest.fixture
def reading(broker, client):
    opened = []

    def read(topic):
        opened.append(open_consumer(Connection(servers=broker, kafka_client=client), topic))
        return opened[-1]

    yield read
    for one in opened:
        one.close()


def polls(consumer, ends, *limits):
    consumer.go_to(consumer.beginning_offsets(consumer.partitions))
    while any(consumer.positions()[partition] < end for partition, end in ends.items()):
        if found := consumer.poll(1, *limits):
            yield found.rows("t")


@pytest.mark.parametrize("what", ["values", "keys", "headers"])
def test_a_poll_ends_at_the_record_that_reaches_the_limit(broker, topics, reading, client, what):
    topic, large = topics("large", partitions=2), b"x" * 10_000
    for partition in (0, 1):
        columns = {"values": [b""] * 200, "keys": [b"k"] * 200, "headers": [[]] * 200}
        columns |= {what: [[("h", large)]] * 200 if what == "headers" else [large] * 200}
        put(broker, topic, partition, **columns)
    consumer = reading(topic)
    sizes, seen = [], []
    for records in polls(consumer, {0: 200, 1: 200}, 4_000, 45_000):
        seen += [(record.partition, record.offset) for record in records]
        sizes.append(len(records))
        assert consumer.full or len(seen) == 400 or len(records) < 5
    assert sorted(seen) == [(partition, offset) for partition in (0, 1) for offset in range(200)]
    assert max(sizes) <= 4 + SLACK[client]


@pytest.mark.parametrize("first", [[b"x"], [None] * 3, []], ids=["tiny", "tombstones", "end of a partition"])
def test_what_comes_first_says_little_of_what_comes_next(broker, topics, reading, first):
    topic = topics("uneven", partitions=1 if first else 6)
    put(broker, topic, 0, [*first, *[b"y" * 10_000] * 200])
    seen = 0
    for records in polls(reading(topic), {0: len(first) + 200}, 4_000, 45_000):
        assert sum(len(record.value or b"") for record in records) <= 90_000
        seen += len(records)
    assert seen == len(first) + 200


def test_small_records_are_bounded_by_their_number(broker, topics, reading):
    topic = topics("small")
    put(broker, topic, 0, [b"x"] * 5_000)
    consumer = reading(topic)
    sizes = [len(records) for records in polls(consumer, {0: 5_000}, 2_000)]
    assert sum(sizes) == 5_000
    assert max(sizes) == 2_000
    assert not consumer.full


def test_one_record_over_the_limit_comes_alone_or_with_what_is_taken_with_it(broker, topics, reading, client):
    topic = topics("huge")
    put(broker, topic, 0, [b"x" * 100_000, None, b"y" * 100_000])
    gatherer = EventGatherer(reading(topic), topic, 4_000, 1_000)
    gatherer.go_to({0: 0})
    batches: list[EventBatch] = []
    while sum(len(batch) for batch in batches) < 3:
        batches.append(gatherer.next_batch(1))
    sizes = [len(batch) for batch in batches if len(batch)]
    assert sizes == [1, 2]
    assert [batch.next_offsets for batch in batches if len(batch)] == [{0: 1}, {0: 3}]
    assert gatherer.full
