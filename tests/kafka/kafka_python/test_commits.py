"""A topic's id over kafka-python; how commits outlast the broker's patience is in groups/test_positions.py."""

import uuid
from collections.abc import Callable

import pytest

from beam_jobs.kafka.kafka_python.commits import known_id
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.topics import topics as kafka_topics
from schemas.errors import ServiceError
from tests.support.kafka_records import make_anew


def ask_until_it_is_gone(consumer: Consumer) -> None:
    while consumer.topic_id():
        pass


def test_a_broker_without_ids_gives_none() -> None:
    made = uuid.uuid4()
    assert [known_id(made), known_id(str(made))] == [str(made)] * 2
    assert [known_id(None), known_id(uuid.UUID(int=0)), known_id(str(uuid.UUID(int=0)))] == [None] * 3


def test_a_topic_that_is_made_anew_has_another_id(broker: str, topics: Callable[..., str]) -> None:
    topic = topics("identified", message_timestamp_type="LogAppendTime")
    consumer = Consumer(broker, topic, "group")
    try:
        first, before = consumer.topic_id(), kafka_topics.describe(broker, [topic])[topic]
        assert first == before.id
        make_anew(broker, topic, 1)
        assert consumer.topic_id() not in (None, first)
        assert kafka_topics.describe(broker, [topic])[topic].settings == before.settings
        kafka_topics.delete(broker, [topic])
        with pytest.raises(ServiceError, match="UnknownTopicOrPartitionError while asking for the topic's id"):
            ask_until_it_is_gone(consumer)
    finally:
        consumer.close()
