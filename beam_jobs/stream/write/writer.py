"""`WriteOutcomes`: predictions and rejected records to their topics, and behind them the group's committed offsets."""

import collections
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from beam_jobs.kafka.client import BATCH_BYTES, DELIVERY_S, Producer
from beam_jobs.kafka.clients.choice import open_producer
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.groups.position_note import Lease
from beam_jobs.kafka.groups.positions import GroupPositions
from beam_jobs.kafka.partitions import partition_of_answer
from beam_jobs.kafka.records import Records
from beam_jobs.monitoring import measures
from beam_jobs.process import process_wide
from beam_jobs.stream.events import Outcome
from beam_jobs.stream.holding import Patience
from beam_jobs.stream.rejected_records import with_stubs
from beam_jobs.stream.step_watch import written
from schemas.errors import ServiceError

_MAX_WAITING = 64  # outcomes whose sends are not acknowledged yet; bounds memory when the broker is slow
_COMMIT_EVERY_S = 1.0
_MARGIN_S = 30.0  # of the library's own patience over ours, which says more


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sink:
    """Where outcomes go and how; plain values, they travel to workers.

    `rejected_bytes` is the largest record that the rejected topic takes; what is larger becomes a stub. A broker that
    is down is waited for, `hold_s` at most or until the stop signal of `job`. Shadows without a topic are not written.
    Offsets are committed while `lease` is the group's and the source topic has the id `topic_id`, where given.
    """

    servers: Connection | str
    predictions_topic: str
    rejected_topic: str
    source_topic: str
    group: str
    shadow_topic: str | None = None
    max_batch_bytes: int = BATCH_BYTES
    rejected_bytes: int | None = None
    broker_time: bool = False
    hold_s: float = DELIVERY_S
    job: str = ""
    topic_id: str | None = None
    lease: Lease | None = None

    @property
    def topics(self) -> tuple[str, str]:
        """The topics that every job writes to."""
        return self.predictions_topic, self.rejected_topic


class OutcomeWriter:
    """Sends outcomes in order and says, in the same order, which are acknowledged. Knows nothing of Beam.

    A record goes to the partition with the number of its source event's, so that the order of a partition, hence of
    every key, is kept; where its topic has none of that number, to that of its key as Kafka's own clients choose it.
    """

    def __init__(self, producer: Any, sink: Sink):
        self._producer, self._sink = producer, sink
        self._waiting: collections.deque[tuple[Outcome, list[Any], float]] = collections.deque()

    def write(self, outcome: Outcome) -> None:
        """Queue the sends of one outcome."""
        deliveries, sent_at = [], time.perf_counter()
        rejected, stubs = outcome.rejected, 0
        sink = self._sink
        if sink.rejected_bytes is not None and len(rejected):
            rejected, stubs = with_stubs(rejected, sink.rejected_bytes)
        if stubs:
            measures.count("stubs", stubs)
        sent = outcome.predictions, rejected, outcome.shadow
        for topic, records in zip((*sink.topics, sink.shadow_topic), sent, strict=True):
            if topic is None or not len(records):
                continue
            count = self._producer.partition_count(topic, at_least=max(records.source_partitions) + 1)
            for partition, rows in _by_partition(records, count).items():
                part = records if len(rows) == len(records) else _pick(records, rows)
                deliveries += self._producer.send(topic, partition, part, sink.max_batch_bytes)
        self._waiting.append((outcome, deliveries, sent_at))

    def acknowledged(self, at_most_waiting: int, wait: Callable[[Any], None]) -> Iterator[Outcome]:
        """Yield the oldest outcomes that are acknowledged, waiting until no more than so many are left unanswered.

        `wait` is called for every delivery, which may be there already. Raises `ServiceError` for a send that failed;
        nothing behind it comes out.
        """
        while self._waiting:
            outcome, deliveries, sent_at = self._waiting[0]
            if len(self._waiting) <= at_most_waiting and not all(delivery.done for delivery in deliveries):
                return
            for delivery in deliveries:
                wait(delivery)
            self._waiting.popleft()
            done_at = max((delivery.done_at for delivery in deliveries), default=sent_at)
            written(outcome, sent_at, done_at, self._sink.broker_time)
            yield outcome


class WriteOutcomes(beam.PTransform):
    """Send every outcome; a bundle ends only when all of it is acknowledged, and then the offsets are committed.

    Offsets are committed behind acknowledged work about once a second and at the end of every bundle, always, on every
    runner. FnApiRunner and Prism resume from them; on Flink and Dataflow, which resume from their checkpoints, they
    only tell people how far the job is.
    """

    def __init__(self, sink: Sink):
        super().__init__()
        self._send = SendOutcomes(sink)

    def expand(self, outcomes: beam.PCollection[Outcome]) -> beam.PCollection:
        return outcomes | "Send and Commit" >> beam.ParDo(self._send)


class SendOutcomes(beam.DoFn):
    """The DoFn of `WriteOutcomes`; plain values only."""

    def __init__(self, sink: Sink):
        self._sink = sink

    def setup(self) -> None:
        sink = self._sink
        with contextlib.ExitStack() as borrowed:  # a setup that fails must not keep what it has got
            key = "producer", sink.servers, sink.hold_s
            self._producer = process_wide.borrow_until(borrowed, key, lambda: _producer(sink))
            self._committer = process_wide.borrow_until(borrowed, positions_key(sink), lambda: positions(sink))
            self._borrowed = borrowed.pop_all()

    def start_bundle(self) -> None:
        self._writer = OutcomeWriter(self._producer, self._sink)
        self._patience = Patience(self._sink.hold_s, process_wide.stop_signal(self._sink.job))
        self._done: dict[int, int] = {}
        self._committed_at = time.monotonic()

    def process(self, outcome: Outcome) -> None:
        self._writer.write(outcome)
        self._take(_MAX_WAITING)
        if self._done and time.monotonic() - self._committed_at > _COMMIT_EVERY_S:
            self._commit()

    def finish_bundle(self) -> None:
        self._take(0)
        if self._done:
            self._commit()

    def teardown(self) -> None:
        self._borrowed.close()

    def _take(self, at_most_waiting: int) -> None:
        for outcome in self._writer.acknowledged(at_most_waiting, self._patience.wait_for):
            self._done.update(outcome.next_offsets)

    def _commit(self) -> None:
        self._patience.retry("offsets are not committed", lambda: self._committer.commit(self._done))
        self._done, self._committed_at = {}, time.monotonic()


def positions_key(sink: Sink) -> tuple[Any, ...]:
    """Return under which key this process has the positions that a job's writers share."""
    return "positions", sink.servers, sink.group, sink.source_topic, sink.lease and sink.lease.token


def positions(sink: Sink) -> GroupPositions:
    """Return the group's committed offsets, to be moved by this process."""
    return GroupPositions(sink.servers, sink.source_topic, sink.group, sink.topic_id, sink.lease)


def _producer(sink: Sink) -> Producer:
    """Make a producer that knows its topics: they are asked for while the broker answers."""
    producer = open_producer(sink.servers, delivery_s=sink.hold_s + _MARGIN_S)
    try:
        for topic in sink.topics:
            producer.partition_count(topic)
    except ServiceError:
        producer.close()
        raise
    return producer


def _by_partition(records: Records, count: int) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for row, (source, key) in enumerate(zip(records.source_partitions, records.keys, strict=True)):
        rows.setdefault(partition_of_answer(source, key, count), []).append(row)
    return rows


def _pick(records: Records, rows: Sequence[int]) -> Records:
    return Records(
        [records.source_partitions[row] for row in rows],
        [records.timestamps_ms[row] for row in rows],
        [records.keys[row] for row in rows],
        [records.values[row] for row in rows],
        None if records.headers is None else [records.headers[row] for row in rows],
        records.source_topic,
        None if records.source_offsets is None else [records.source_offsets[row] for row in rows],
    )
