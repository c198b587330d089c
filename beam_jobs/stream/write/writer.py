"""`WriteOutcomes`: predictions and rejected records to their topics, and behind them the group's committed offsets."""

import collections
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam

from beam_jobs.kafka.client import BATCH_BYTES, Producer
from beam_jobs.kafka.groups.positions import GroupPositions
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.partitions import partition_of_answer
from beam_jobs.kafka.records import Outgoing
from beam_jobs.monitoring import measures
from beam_jobs.process import process_wide
from beam_jobs.stream.events import Outcome, picked
from beam_jobs.stream.holding import HoldTimes, Patience
from beam_jobs.stream.rejected_records import RECORD_OVERHEAD, with_stubs
from beam_jobs.stream.step_watch import written
from beam_jobs.stream.stream_job import StreamJob
from schemas.errors import ServiceError

MAX_WAITING = 64  # outcomes whose sends are not acknowledged yet; bounds memory when the broker is slow
_COMMIT_EVERY_S = 1.0
_MARGIN_S = 30.0  # the library waits longer than we do: our message says more


class OutcomeWriter:
    """Sends outcomes in order and says, in the same order, which are acknowledged. Knows nothing of Beam.

    A record goes to the partition with the number of its source event's, so that the order of a partition, hence of
    every key, is kept; if its topic has none of that number, to that of its key as Kafka's own clients choose it.
    """

    def __init__(self, producer: Any, job: StreamJob):
        self._producer, self._job = producer, job
        self._batch_bytes = _batch_bytes(job)
        self._waiting: collections.deque[tuple[Outcome, list[Any], float]] = collections.deque()

    def write(self, outcome: Outcome) -> None:
        """Queue the sends of one outcome."""
        deliveries, sent_at = [], time.perf_counter()
        rejected, stubs = outcome.rejected, 0
        if len(rejected):
            rejected, stubs = with_stubs(rejected, self._job.rejected.max_message_bytes)
        if stubs:
            measures.count("stubs", stubs)
        for topic, records in zip(self._job.written, (outcome.predictions, rejected, outcome.shadow), strict=False):
            if not len(records):
                continue
            count = self._producer.partition_count(topic.name, at_least=max(records.source_partitions) + 1)
            for partition, rows in _by_partition(records, count).items():
                part = records if len(rows) == len(records) else picked(records, rows)
                deliveries += self._producer.send(topic.name, partition, part, self._batch_bytes)
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
            written(outcome, sent_at, done_at, self._job.source.broker_time)
            yield outcome


class WrittenBundle:
    """Writes the outcomes of one bundle, and commits behind what is acknowledged. Knows nothing of Beam.

    `committed` moves the group's offsets: `GroupPositions`, or anything with its `commit`.
    """

    def __init__(
        self,
        producer: Any,
        committed: Any,
        job: StreamJob,
        clock: Callable[[], float] = time.monotonic,
        times: HoldTimes = HoldTimes(),  # noqa: B008 - frozen
    ):
        self._writer, self._committed, self._clock = OutcomeWriter(producer, job), committed, clock
        self._patience = Patience(job.hold_s, process_wide.stop_signal(job.name), times=times)
        self._done: dict[int, int] = {}
        self._committed_at = clock()

    def write(self, outcome: Outcome) -> None:
        """Send one outcome; waits if too many are not acknowledged, commits if the last commit was a while ago."""
        self._writer.write(outcome)
        self._take(MAX_WAITING)
        if self._done and self._clock() - self._committed_at > _COMMIT_EVERY_S:
            self._commit()

    def finish(self) -> None:
        """Wait until all is acknowledged, and commit."""
        self._take(0)
        if self._done:
            self._commit()

    def _take(self, at_most_waiting: int) -> None:
        for outcome in self._writer.acknowledged(at_most_waiting, self._patience.wait_for):
            self._done.update(outcome.next_offsets)

    def _commit(self) -> None:
        self._patience.retry("offsets are not committed", lambda: self._committed.commit(self._done))
        self._done, self._committed_at = {}, self._clock()


class WriteOutcomes(beam.PTransform):
    """Send every outcome; a bundle ends only when all of it is acknowledged, and then the offsets are committed.

    Offsets are committed behind acknowledged work about once a second and at the end of every bundle, always, on every
    runner. FnApiRunner and Prism resume from them; on Flink and Dataflow, which resume from their checkpoints, they
    only say how far the job is.
    """

    def __init__(self, job: StreamJob):
        super().__init__()
        self._send = SendOutcomes(job)

    def expand(self, outcomes: beam.PCollection[Outcome]) -> beam.PCollection:
        return outcomes | "Send and Commit" >> beam.ParDo(self._send)


class SendOutcomes(beam.DoFn):
    """The DoFn of `WriteOutcomes`; plain values only."""

    def __init__(self, job: StreamJob):
        self._job = job

    def setup(self) -> None:
        job = self._job
        with contextlib.ExitStack() as borrowed:  # a setup that fails must not keep what it has got
            key = "producer", job.servers, job.hold_s
            self._producer = process_wide.borrow_until(borrowed, key, lambda: producer_of(job))
            self._positions = process_wide.borrow_until(borrowed, positions_key(job), lambda: positions(job))
            self._borrowed = borrowed.pop_all()

    def start_bundle(self) -> None:
        self._bundle = WrittenBundle(self._producer, self._positions, self._job)

    def process(self, outcome: Outcome) -> None:
        self._bundle.write(outcome)

    def finish_bundle(self) -> None:
        self._bundle.finish()

    def teardown(self) -> None:
        self._borrowed.close()


def positions_key(job: StreamJob) -> tuple[Any, ...]:
    """Return under which key this process has the positions that a job's writers share."""
    return "positions", job.servers, job.group, job.source.name, job.lease and job.lease.token


def positions(job: StreamJob) -> GroupPositions:
    """Return the group's committed offsets, to be moved by this process."""
    return GroupPositions(job.servers, job.source.name, job.group, job.source.id, job.lease)


def producer_of(job: StreamJob, opened: Callable[..., Producer] = open_producer) -> Producer:
    """Make a producer that knows the topics that every job writes to: they are looked up while the broker answers."""
    producer = opened(job.servers, delivery_s=job.hold_s + _MARGIN_S)
    try:
        for topic in (job.predictions, job.rejected):
            producer.partition_count(topic.name)
    except ServiceError:
        producer.close()
        raise
    return producer


def _batch_bytes(job: StreamJob) -> int:
    """Return how large a batch of records may be: no larger than the smallest topic takes."""
    return min(BATCH_BYTES, *(topic.max_message_bytes - RECORD_OVERHEAD for topic in job.written))


def _by_partition(records: Outgoing, count: int) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for row, (source, key) in enumerate(zip(records.source_partitions, records.keys, strict=True)):
        rows.setdefault(partition_of_answer(source, key, count), []).append(row)
    return rows
