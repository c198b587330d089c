"""Which library stands behind the clients of a connection, and what is said where it is not installed."""

import subprocess
import sys

import pytest

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.libraries.choice import library, open_producer
from beam_jobs.kafka.librdkafka import consumer as librdkafka_consumer
from beam_jobs.kafka.librdkafka import producer as librdkafka_producer


def test_the_connection_says_which() -> None:
    assert library("127.0.0.1:9092") == library(Connection(servers="k:1")) == (Consumer, Producer)
    confluent = library(Connection(servers="k:1", kafka_client="confluent"))
    assert confluent == (librdkafka_consumer.Consumer, librdkafka_producer.Producer)


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_a_producer_says_for_how_long_it_tries(broker: str, client: str) -> None:
    producer = open_producer(Connection(servers=broker, kafka_client=client), delivery_s=33.0)
    assert producer.delivery_s == 33.0
    producer.close()


def test_a_library_that_is_not_installed_is_named() -> None:
    program = (
        "import sys; sys.modules['confluent_kafka'] = None\n"
        "from beam_jobs.kafka.libraries.choice import open_consumer\n"
        "from beam_jobs.kafka.connection import Connection\n"
        "open_consumer(Connection(servers='k:1', kafka_client='confluent'), 'trips')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    *_, last = done.stderr.splitlines()
    assert "UsageError: --kafka-client confluent needs confluent-kafka: pip install 'onegraph[confluent]'" in last
