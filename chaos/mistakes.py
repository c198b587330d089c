"""The faults of the negative controls and the mistakes that they must find, made in classes of the product.

Every function here is a context: the product has the mistake, or suffers the fault, until it is left.
"""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

from beam_jobs.kafka.kafka_python import consumer
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.kafka_python.delivery import Delivery
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.stream.events import Outcome
from beam_jobs.stream.read import gathering
from beam_jobs.stream.score import event_scoring
from beam_jobs.stream.write import writer
from chaos.brokers.topics import SeedTopics
from models.scoring.prediction import PredictionEncoder
from schemas.errors import ServiceError

_NOT_YET_S = 0.3
CUT = 10  # the first offset that is left of every partition after a cut


# ---- the faults


class _LostBatch(Delivery):
    """A batch that the broker never got; only waiting for it shows that."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _NOT_YET_S

    @property
    def done(self) -> bool:
        return time.monotonic() > self._until

    def settled(self, timeout_s: float) -> bool:
        time.sleep(min(timeout_s, max(0.0, self._until - time.monotonic())))
        return self.done

    def wait(self, timeout_s: float) -> None:
        time.sleep(max(0.0, self._until - time.monotonic()))
        raise ServiceError("chaos: the broker did not take this batch")


@contextlib.contextmanager
def a_send_fails(suffix: str, after: int) -> Iterator[None]:
    """Lose the batch that is sent to a topic of that suffix after so many others, and those behind it in its partition.

    A broker refuses a batch of an idempotent producer whose predecessor it never got.
    """
    count, send, lost = itertools.count(), Producer.send, set[int]()

    def failing(self: Producer, topic: str, partition: int, *rest: Any) -> list[Delivery]:
        if topic.endswith(suffix):
            if next(count) == after:
                lost.add(partition)
            if partition in lost:
                return [_LostBatch()]
        return send(self, topic, partition, *rest)

    with mock.patch.object(Producer, "send", failing):
        yield


@contextlib.contextmanager
def cut_before_the_first_poll(topics: SeedTopics, topic: str) -> Iterator[None]:
    """Let retention pass the reader when it has chosen where to begin and has read nothing."""
    left, poll = [topic], Consumer.poll

    def late(self: Consumer, *arguments: Any) -> Any:
        if left:
            topics.cut(left.pop(), CUT)
        return poll(self, *arguments)

    with mock.patch.object(Consumer, "poll", late):
        yield


# ---- the mistakes


@contextlib.contextmanager
def commit_before_send(topics: SeedTopics, group: str) -> Iterator[None]:
    """Commit offsets before their outcomes are sent."""
    process = writer.SendOutcomes.process

    def committing(self: Any, outcome: Outcome) -> Any:
        topics.commit(outcome.topic, group, outcome.next_offsets)
        return process(self, outcome)

    with mock.patch.object(writer.SendOutcomes, "process", committing):
        yield


@contextlib.contextmanager
def sends_not_awaited(suffix: str) -> Iterator[None]:
    """Keep no delivery of a topic of that suffix."""
    send = Producer.send

    def forgetful(self: Producer, topic: str, *rest: Any, **named: Any) -> list[Delivery]:
        deliveries = send(self, topic, *rest, **named)
        return [] if topic.endswith(suffix) else deliveries

    with mock.patch.object(Producer, "send", forgetful):
        yield


@contextlib.contextmanager
def readers_with(**options: Any) -> Iterator[None]:
    """Give every consumer of the job other options of the library."""
    connect = consumer.connect

    def other(*arguments: Any, **given: Any) -> Any:
        return connect(*arguments, **(given | options if "auto_offset_reset" in given else given))

    with mock.patch.object(consumer, "connect", other):
        yield


@contextlib.contextmanager
def one_in_ten_thousand_skipped() -> Iterator[None]:
    """Leave out one event of ten thousand."""
    seen, next_batch = itertools.count(1), gathering.EventGatherer.next_batch

    def skipping(self: Any, *arguments: Any) -> Any:
        batch = next_batch(self, *arguments)
        numbers = [next(seen) for _ in range(len(batch))]
        return _without(batch, [row for row, number in enumerate(numbers) if number % 10_000 == 0])

    with mock.patch.object(gathering.EventGatherer, "next_batch", skipping):
        yield


@contextlib.contextmanager
def wrong_bundle_name(right: str, wrong: str) -> Iterator[None]:
    """Let predictions name another bundle than the one that scored."""
    encode = PredictionEncoder.encode

    def mislabelling(self: Any, *arguments: Any, **named: Any) -> list[bytes]:
        return [value.replace(right.encode(), wrong.encode()) for value in encode(self, *arguments, **named)]

    with mock.patch.object(PredictionEncoder, "encode", mislabelling):
        yield


@contextlib.contextmanager
def short_list_of_predictions() -> Iterator[None]:
    """As `zip` does it: rows beyond the last prediction are left out without a word."""
    score = event_scoring.EventScorer.score

    def short(self: Any, *arguments: Any, **named: Any) -> Any:
        outcome, *rest = score(self, *arguments, **named)
        count = len(outcome.predictions)
        predictions = _without(outcome.predictions, [count - 1] if count else [])
        return (dataclasses.replace(outcome, predictions=predictions), *rest)

    with mock.patch.object(event_scoring.EventScorer, "score", short):
        yield


def _without(columns: Any, rows: list[int]) -> Any:
    """Return a batch or records without some rows."""
    count, gone = len(columns), set(rows)
    kept = {
        field.name: [one for row, one in enumerate(column) if row not in gone]
        for field in dataclasses.fields(columns)
        if isinstance(column := getattr(columns, field.name), list) and len(column) == count
    }
    return dataclasses.replace(columns, **kept) if gone else columns
