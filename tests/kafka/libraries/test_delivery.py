"""What a delivery says of its records, the same with both clients."""

from collections.abc import Callable, Iterator

import pytest

from beam_jobs.kafka.client import BATCH_BYTES, Producer
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.records import Outgoing
from schemas.errors import ServiceError
from tests.support.kafka_records import read


@pytest.fixture(params=["kafka-python", "confluent"])
def producer(request: pytest.FixtureRequest, broker: str) -> Iterator[Producer]:
    opened = open_producer(Connection(servers=broker, kafka_client=request.param))
    yield opened
    opened.close()


def records(*values: bytes) -> Outgoing:
    count, offsets = len(values), list(range(7, 7 + len(values)))
    return Outgoing([0] * count, [0] * count, [None] * count, list(values), None, "trips", offsets)


def test_an_acknowledged_one_is_done_and_its_records_are_there(
    broker: str, topics: Callable[..., str], producer: Producer
) -> None:
    topic = topics("acknowledged")
    assert producer.partition_count(topic) == 1
    deliveries = producer.send(topic, 0, records(b"a", b"b"), BATCH_BYTES)
    for delivery in deliveries:
        assert str(delivery) == f"{broker}: a batch for topic {topic!r} partition 0"
        assert delivery.settled(30)
        assert delivery.done
        assert delivery.done_at > 0
        delivery.wait(0)
    assert [record.value for record in read(broker, topic)] == [b"a", b"b"]


def test_a_refused_one_is_settled_and_names_its_event(
    broker: str, topics: Callable[..., str], producer: Producer
) -> None:
    topic = topics("refused", max_message_bytes=500)
    [delivery] = producer.send(topic, 0, records(b"x" * 1_000), BATCH_BYTES)
    assert delivery.settled(30)
    with pytest.raises(
        ServiceError, match=rf"^{broker}: topic '{topic}' partition 0 refused the record of trips/0/7: "
    ):
        delivery.wait(0)
    assert read(broker, topic) == []


def test_a_topic_that_is_not_there_is_named_before_anything_is_sent(producer: Producer) -> None:
    with pytest.raises(ServiceError, match="no topic 'nowhere'; create it"):
        producer.send("nowhere", 0, records(b"a"), BATCH_BYTES)
