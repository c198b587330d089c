"""The demo's sender in the background, and how long it waits for answers."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from beam_jobs.demo.playback import Sender, await_outcomes
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.topics.contents import read_topic
from schemas.errors import ServiceError
from tests.support.kafka_records import put


def nothing() -> None:
    """The job runs."""


def ended() -> None:
    raise ServiceError("the streaming job ended")


def test_events_are_sent_while_the_caller_does_something_else(broker: str, topics: Callable[..., str]) -> None:
    topic = topics("played", partitions=2)
    producer = open_producer(Connection.of(broker))
    go_on = threading.Event()

    def pairs() -> Iterator[tuple[bytes, bytes]]:
        for row in range(40):
            if row == 20:
                assert go_on.wait(60)
            yield b"%d" % row, b"x"

    try:
        sender = Sender(producer, topic, pairs(), rate=400)
        with pytest.raises(ServiceError, match="still sending"):
            sender.sent()
        go_on.set()
        sender.join()
        assert sender.sent().count == 40
    finally:
        producer.close()
    assert len(read_topic(broker, topic)) == 40


def test_what_stops_the_sender_is_raised_where_it_is_asked_for(broker: str) -> None:
    producer = open_producer(Connection.of(broker))
    try:
        sender = Sender(producer, "no-such-topic", [(b"1", b"x")], rate=400)
        sender.join()
        with pytest.raises(ServiceError, match="no-such-topic"):
            sender.sent()
    finally:
        producer.close()


@pytest.mark.parametrize(
    ("answers", "check", "message"),
    [((2, 1), ended, ""), ((2, 0), ended, "job ended"), ((1, 1), nothing, "2 of 3 events answered after 0.3 s")],
)
def test_answers_are_awaited_on_both_topics(
    broker: str, topics: Callable[..., str], answers: Sequence[int], check: Callable[[], None], message: str
) -> None:
    outputs = topics("predictions"), topics("rejected")
    for topic, count in zip(outputs, answers, strict=True):
        if count:
            put(broker, topic, 0, [b"x"] * count)
    if message:
        with pytest.raises(ServiceError, match=message):
            await_outcomes(broker, outputs, 3, check, wait_s=0.3)
    else:
        await_outcomes(broker, outputs, 3, check)
