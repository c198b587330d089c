"""What a client of kafka-python logs: nothing of a record, however much is asked for."""

import logging

import pytest

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
