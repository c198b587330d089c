"""The client library that a connection asks for; librdkafka is loaded only then."""

from collections.abc import Callable
from typing import NamedTuple

from beam_jobs.kafka.client import DELIVERY_S, Consumer, Producer
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.kafka_python import consumer, producer
from schemas.errors import UsageError


class Library(NamedTuple):
    """What makes the clients of one library."""

    consumer: Callable[..., Consumer]
    producer: Callable[..., Producer]


def open_consumer(servers: Connection | str, topic: str, group: str | None = None) -> Consumer:
    """Return a consumer over the library that the connection names."""
    return library(servers).consumer(servers, topic, group)


def open_producer(servers: Connection | str, delivery_s: float = DELIVERY_S) -> Producer:
    """Return a producer over the library that the connection names; it gives up a record after `delivery_s`."""
    return library(servers).producer(servers, delivery_s=delivery_s)


def library(servers: Connection | str) -> Library:
    """Return the library that a connection names; raises `UsageError` for one that is not installed."""
    if Connection.of(servers).kafka_client != "confluent":
        return Library(consumer.Consumer, producer.Producer)
    try:
        from beam_jobs.kafka.librdkafka import consumer as reading
        from beam_jobs.kafka.librdkafka import producer as writing
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("confluent_kafka"):
            raise
        raise UsageError(
            "--kafka-client confluent needs confluent-kafka: pip install 'onegraph[confluent]', or take kafka-python"
        ) from None
    return Library(reading.Consumer, writing.Producer)
