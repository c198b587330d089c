"""librdkafka's options of a connection; secure ones are used in test_access.py."""

import pytest

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import Unavailable
from beam_jobs.kafka.librdkafka.options import shared_options
from tests.conftest import free_port


def test_in_plain_text_there_are_neither_files_nor_a_login(broker: str) -> None:
    options = shared_options(Connection(servers=broker), 5)
    assert (options["bootstrap.servers"], options["security.protocol"]) == (broker, "PLAINTEXT")
    assert options["allow.auto.create.topics"] is False
    assert not [name for name in options if name.startswith(("ssl.", "sasl.", "oauth"))]


def test_a_broker_that_does_not_answer_is_named_before_librdkafka_is_asked() -> None:
    servers = f"127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable, match=f"no Kafka broker answers at {servers} within 0.2 s"):
        shared_options(Connection(servers=servers), 0.2)
