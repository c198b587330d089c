"""Negative controls: the product with one mistake built in, under a fault. A check that lets one pass proves nothing.

Each mistake is made here, in a patched class; the same fault with the product as it is must pass all checks.
"""

import contextlib
import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.kafka_python import consumer
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.kafka_python.delivery import Delivery
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.stream.events import Outcome
from beam_jobs.stream.read import gathering
from beam_jobs.stream.score import event_scoring
from beam_jobs.stream.write import writer
from beam_jobs.verbs import score_stream
from chaos import checks as chaos_checks
from chaos.checks import LOSS, VALUES, Check
from chaos.messages import Sender, messages
from chaos.world import PARTITIONS, World
from models.scoring.prediction import PredictionEncoder
from schemas.errors import OnegraphError, ServiceError
from tests.support.kafka_records import commit

COUNT = 2_000
MANY = 10_500  # more than one of ten thousand
_KEYS, _BATCH, _ATTEMPTS = 50, 200, 4
_NOT_YET_S = 0.3
_CUT = 10  # the first offset that is left of every partition
_SEED = 99

Patches = Callable[[], contextlib.AbstractContextManager[Any]]


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of one mistake: which check had to fail and what the checks said, with and without the mistake."""

    name: str
    wanted: str
    with_mistake: list[Check]
    without: list[Check]
    seconds: float

    @property
    def failed(self) -> list[str]:
        return [check.name for check in self.with_mistake if not check.passed]

    @property
    def caught(self) -> bool:
        return self.wanted in self.failed and all(check.passed for check in self.without)

    def figures(self) -> dict[str, Any]:
        wrong = [check.name for check in self.without if not check.passed]
        return {"name": self.name, "caught": self.caught, "failed": self.failed, "failed_without": wrong}

    def __str__(self) -> str:
        told = next(str(check) for check in self.with_mistake if check.name == self.wanted)
        wrong = [str(check) for check in self.without if not check.passed]
        without = f"; WITHOUT THE MISTAKE: {'; '.join(wrong)}" if wrong else ""
        return f"{'caught' if self.caught else 'NOT CAUGHT'} {self.name} ({self.seconds:.1f} s): {told}{without}"


# ---- the faults


class _LostBatch(Delivery):
    """A batch that the broker never got; known only to whoever waits for it."""

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
def _a_send_fails(suffix: str, after: int) -> Iterator[None]:
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
def _cut_before_the_first_poll(world: World, topic: str) -> Iterator[None]:
    """Let retention pass the reader when it has chosen where to begin and has read nothing."""
    left, poll = [topic], Consumer.poll

    def late(self: Consumer, *arguments: Any) -> Any:
        if left:
            world.cut(left.pop(), _CUT)
        return poll(self, *arguments)

    with mock.patch.object(Consumer, "poll", late):
        yield


# ---- the mistakes


@contextlib.contextmanager
def _commit_before_send(world: World, name: str) -> Iterator[None]:
    process = writer.SendOutcomes.process

    def committing(self: Any, outcome: Outcome) -> Any:
        commit(world.servers, outcome.topic, name, outcome.next_offsets)
        return process(self, outcome)

    with mock.patch.object(writer.SendOutcomes, "process", committing):
        yield


@contextlib.contextmanager
def _sends_not_awaited(suffix: str) -> Iterator[None]:
    """Keep no delivery of a topic of that suffix."""
    send = Producer.send

    def forgetful(self: Producer, topic: str, *rest: Any, **named: Any) -> list[Delivery]:
        deliveries = send(self, topic, *rest, **named)
        return [] if topic.endswith(suffix) else deliveries

    with mock.patch.object(Producer, "send", forgetful):
        yield


@contextlib.contextmanager
def _readers_with(**options: Any) -> Iterator[None]:
    """Give every consumer of the job other options of the library."""
    connect = consumer.connect

    def other(*arguments: Any, **given: Any) -> Any:
        return connect(*arguments, **(given | options if "auto_offset_reset" in given else given))

    with mock.patch.object(consumer, "connect", other):
        yield


@contextlib.contextmanager
def _one_in_ten_thousand_skipped() -> Iterator[None]:
    seen, next_batch = itertools.count(1), gathering.EventGatherer.next_batch

    def skipping(self: Any, *arguments: Any) -> Any:
        batch = next_batch(self, *arguments)
        numbers = [next(seen) for _ in range(len(batch))]
        return _without(batch, [row for row, number in enumerate(numbers) if number % 10_000 == 0])

    with mock.patch.object(gathering.EventGatherer, "next_batch", skipping):
        yield


@contextlib.contextmanager
def _wrong_bundle_name(right: str, wrong: str) -> Iterator[None]:
    encode = PredictionEncoder.encode

    def mislabelling(self: Any, *arguments: Any, **named: Any) -> list[bytes]:
        return [value.replace(right.encode(), wrong.encode()) for value in encode(self, *arguments, **named)]

    with mock.patch.object(PredictionEncoder, "encode", mislabelling):
        yield


@contextlib.contextmanager
def _short_list_of_predictions() -> Iterator[None]:
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


# ---- running them


class _Trial:
    """One small stream on topics of its own, in this process, started again after every failure."""

    def __init__(self, world: World, name: str, count: int = COUNT):
        self._world, self._name = world, name
        self._topics = world.topics(name)
        self._made = messages(_SEED, count, _KEYS, world.events)
        sender = Sender(world.servers, self._topics[0], PARTITIONS, self._made, rate=1e9)
        sender.start()
        sender.finish(60)
        self._settings = ScoreStream(
            bootstrap_servers=world.servers,
            registry=str(world.pristine),
            source_topic=self._topics[0],
            predictions_topic=self._topics[1],
            rejected_topic=self._topics[2],
            group=name,
            until_caught_up=True,
            max_batch=_BATCH,
        )

    def checks(self, mistake: Patches, fault: Patches) -> list[Check]:
        """Run with the mistake all the time and the fault at the first attempt; return what the checks say."""
        with fault(), mistake():
            done = self._attempt()
        with mistake():
            for _ in range(_ATTEMPTS):
                done = done or self._attempt()
        return self._checked()

    def after_a_cut(self, mistake: Patches) -> list[Check]:
        """Cut the log under the reader, as retention does, and run; where the job stops, accept the cut."""
        source = self._topics[0]
        with _cut_before_the_first_poll(self._world, source), mistake():
            done = self._attempt()
        if not done:
            commit(self._world.servers, source, self._name, dict.fromkeys(range(PARTITIONS), _CUT))
            self._attempt()
        return self._checked()

    def _attempt(self) -> bool:
        try:
            score_stream.run(self._settings, threading.Event())
        except OnegraphError:
            return False
        return True

    def _checked(self) -> list[Check]:
        seen = self._world.evidence(
            self._topics, self._name, self._made, samples=[], deaths=[0.0], replayed_events=len(self._made)
        )
        return chaos_checks.check_all(seen, self._world.recompute(seen))


def run_all(world: World) -> Iterator[Result]:
    """Make every mistake once and yield what became of it."""
    nothing: Patches = contextlib.nullcontext
    fault: Patches = lambda: _a_send_fails(".predictions", 12)  # noqa: E731
    rejected_fault: Patches = lambda: _a_send_fails(".rejected", 3)  # noqa: E731
    # the product under the same faults, and without any over the larger number
    good = {
        id(fault): _Trial(world, "good-send").checks(nothing, fault),
        id(rejected_fault): _Trial(world, "good-rejected").checks(nothing, rejected_fault),
        id(nothing): _Trial(world, "good-many", MANY).checks(nothing, nothing),
    }
    mistakes: list[tuple[str, str, Callable[[str], Patches], Patches, int]] = [
        ("commit before send", LOSS, lambda name: lambda: _commit_before_send(world, name), fault, COUNT),
        ("ignored send futures", LOSS, lambda _: lambda: _sends_not_awaited(""), fault, COUNT),
        ("auto-commit on", LOSS, lambda name: lambda: _auto_commit(name), fault, COUNT),
        ("rejected send not awaited", LOSS, lambda _: lambda: _sends_not_awaited(".rejected"), rejected_fault, COUNT),
        ("one record in 10,000 skipped", LOSS, lambda _: _one_in_ten_thousand_skipped, nothing, MANY),
        (
            "wrong bundle name",
            VALUES,
            lambda _: lambda: _wrong_bundle_name(world.first, world.second),
            nothing,
            COUNT,
        ),
        ("short prediction list", LOSS, lambda _: _short_list_of_predictions, nothing, COUNT),
    ]
    for what, wanted, mistake, struck, count in mistakes:
        started = time.monotonic()
        name = f"bad-{what.replace(' ', '-').replace(',', '')}"
        checks = _Trial(world, name, count).checks(mistake(name), struck)
        yield Result(what, wanted, checks, good[id(struck)], time.monotonic() - started)
    yield _latest_on_reset(world)


def _auto_commit(group: str) -> contextlib.AbstractContextManager[None]:
    return _readers_with(group_id=group, enable_auto_commit=True, auto_commit_interval_ms=1)


def _latest_on_reset(world: World) -> Result:
    """The log was cut: the product stops and a person decides; the mistaken reader goes on at the end by itself."""
    started = time.monotonic()
    good = _Trial(world, "good-reset").after_a_cut(contextlib.nullcontext)
    bad = _Trial(world, "bad-reset").after_a_cut(lambda: _readers_with(auto_offset_reset="latest"))
    return Result("latest on reset", LOSS, bad, good, time.monotonic() - started)
