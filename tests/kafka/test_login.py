"""The login as kafka-python takes it, and what the library logs: nothing of a record, however much is asked for."""

import logging
import pathlib

import pytest

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.login import login_options
from tests.support.kafka_records import put, read

QUOTING = ("kafka", "kafka.protocol.parser", "kafka.consumer.fetcher", "kafka.producer.sender")
MARK = b"only-this-record-has-it"


@pytest.fixture
def all_logged(caplog):
    """All that anybody logs, also from the loggers that are asked one by one, as Beam's workers may be."""
    before = {name: logging.getLogger(name).level for name in QUOTING}
    for name in QUOTING:
        logging.getLogger(name).setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    yield caplog
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_no_value_key_or_header_is_logged_at_any_level(broker, topics, all_logged):
    topic = topics("marked")
    put(broker, topic, 0, [MARK], [MARK], [0], [[(MARK.decode(), MARK)]])
    assert [record.value for record in read(broker, topic)] == [MARK]
    assert MARK.decode() not in all_logged.text


def test_who_wants_less_keeps_less(broker, topics, all_logged):
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    read(broker, topics("quiet"))
    assert logging.getLogger("kafka").level == logging.CRITICAL


def test_without_sasl_there_is_no_login() -> None:
    assert login_options(Connection(servers="k:1")) == login_options(Connection(servers="k:1", security_protocol="SSL"))
    assert login_options(Connection(servers="k:1")) == {}


def test_a_password_is_read_when_it_is_asked_for(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "password"
    scram = Connection(
        servers="k:1",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="scorer",
        sasl_password_file=str(file),
    )
    for password in ("first", "second"):
        file.write_text(f"{password}\n")
        assert login_options(scram) == {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "scorer",
            "sasl_plain_password": password,
        }


def test_a_token_is_read_anew_for_every_connection(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "token"
    bearer = Connection(
        servers="k:1", security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", sasl_token_file=str(file)
    )
    provider = login_options(bearer)["sasl_oauth_token_provider"]
    for token in ("first", "second"):
        file.write_text(token)
        assert provider.token() == token
