"""The Kafka client that a connection asks for, behind one small interface."""

import importlib
from typing import Any

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.kafka_python import consumer
from beam_jobs.kafka.kafka_python.consumer import Producer
from schemas.errors import UsageError


def open_consumer(where: Connection | str, topic: str, group: str | None = None) -> Any:
    """Return a `Consumer` of the client that the connection names."""
    return _module(where).Consumer(where, topic, group)


def open_producer(where: Connection | str, delivery_s: float = Producer.DELIVERY_S) -> Any:
    """Return a `Producer` of the client that the connection names; it gives up a record after `delivery_s`."""
    return _module(where).Producer(where, delivery_s=delivery_s)


def _module(where: Connection | str) -> Any:
    if Connection.of(where).kafka_client != "confluent":
        return consumer
    try:
        return importlib.import_module("beam_jobs.kafka.librdkafka.consumer")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("confluent_kafka"):
            raise
        raise UsageError(
            "--kafka-client confluent needs confluent-kafka: pip install 'onegraph[confluent]', or take kafka-python"
        ) from None
