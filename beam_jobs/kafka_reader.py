"""`ReadEvents`: a Kafka topic as a PCollection of `EventBatch`, read by our own splittable DoFn.

One element is a group of partitions, its restriction the vector of their next offsets. All partitions of a group are
polled through one consumer, so latency does not grow with their number; groups are the unit of parallelism. On a
runner with checkpoints (Flink, Dataflow) the restriction is the truth about the position; where the runner keeps
nothing (FnApiRunner, Prism) reading starts at the consumer group's committed offsets, which `WriteOutcomes` moves.
"""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam import coders
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.transforms.core import RestrictionProvider, WatermarkEstimatorProvider
from apache_beam.transforms.window import TimestampedValue

from beam_jobs import process_wide
from beam_jobs.event_gathering import EventGatherer
from beam_jobs.events import EventBatch
from beam_jobs.flink_key_groups import spread_names
from beam_jobs.kafka_client import Consumer
from beam_jobs.kafka_connection import Connection
from beam_jobs.kafka_tracker import END_HERE, Span, SpanCoder, SpanTracker
from beam_jobs.kafka_watermark import GroupWatermark, to_beam
from beam_jobs.step_watch import PollWatch
from schemas.errors import ServiceError

_SLICE_S = 0.1  # how long one poll may last, hence how late a stop signal is seen
_LEASE_S = 60.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What is read and how; plain values, they travel to workers.

    `start` counts only for partitions without a committed offset of the group. `job` names the stop signal.
    `broker_time` says that the topic has LogAppendTime, so that its timestamps tell how long events waited.
    """

    servers: Connection | str
    topic: str
    group: str
    job: str
    partition_groups: int = 1
    start: str = "earliest"
    until_caught_up: bool = False
    read_budget_s: float = 5.0
    max_batch: int = 4_000
    broker_time: bool = False


class ReadEvents(beam.PTransform):
    """Read a topic into `EventBatch`es. Partition p belongs to group p mod `partition_groups`."""

    def __init__(self, source: Source):
        super().__init__()
        self._source = source

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection[EventBatch]:
        groups = spread_names(self._source.topic, self._source.partition_groups)
        return (
            begin
            | "Name Groups" >> beam.Create(groups, reshuffle=False)
            | "Poll" >> beam.ParDo(PollGroup(self._source)).with_output_types(EventBatch)
        )


def first_span(source: Source, index: int) -> Span:
    """Return what the group of that index has to read: from the committed offsets, or where `start` says."""
    consumer = Consumer(source.servers, source.topic, source.group)
    try:
        partitions = [p for p in consumer.partitions if p % source.partition_groups == index]
        ends = consumer.end_offsets(partitions)
        begin = consumer.beginning_offsets(partitions) if source.start == "earliest" else ends
        start = begin | consumer.committed(partitions)
        return Span(start, ends if source.until_caught_up else None)
    finally:
        consumer.close()


class _GroupReader:
    """The one consumer that a group has in this process, opened when first leased and anew after any failure."""

    def __init__(self, source: Source):
        self._source = source
        self._lock = threading.Lock()
        self._consumer: Consumer | None = None

    @contextlib.contextmanager
    def leased(self) -> Iterator[EventGatherer]:
        if not self._lock.acquire(timeout=_LEASE_S):
            raise ServiceError(
                f"another bundle has read topic {self._source.topic!r} for {_LEASE_S:g} s; restart this worker"
            )
        try:
            source = self._source
            if self._consumer is None:
                self._consumer = Consumer(source.servers, source.topic)
            yield EventGatherer(self._consumer, source.topic, source.max_batch)
        except Exception:
            self.close()  # the library's fetcher may be left in the middle of a broken batch
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None


class PollGroup(beam.DoFn, RestrictionProvider, WatermarkEstimatorProvider):
    """Splittable: reads one group of partitions, named "topic/index", for a read budget, then takes a checkpoint.

    It never reads ahead of what it claimed, ends where it is when the job's stop signal is set, and fails rather than
    jump over offsets that the log has lost.
    """

    def __init__(self, source: Source):
        self._source = source
        self._borrowed: dict[str, _GroupReader] = {}

    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        element: str,
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008
        watermark: Any = beam.DoFn.WatermarkEstimatorParam(),  # noqa: B008
    ) -> Iterator[TimestampedValue]:
        span = tracker.current_restriction()
        at, read_to = dict(span.start), GroupWatermark(span.start)
        watch = PollWatch(self._source.broker_time)
        stop_signal = process_wide.stop_signal(self._source.job)
        ends = time.monotonic() + self._source.read_budget_s
        with self._reader(element).leased() as gatherer:
            gatherer.go_to(at)
            while at != span.stop:
                if stop_signal.is_set() or not at:
                    tracker.try_claim(END_HERE)
                    return
                left = ends - time.monotonic()
                if left <= 0:
                    tracker.defer_remainder()
                    return
                batch = gatherer.next_batch(min(left, _SLICE_S), span.stop)
                reached = read_to.advance(batch, gatherer.caught_up(), int(time.time() * 1000))
                watch.polled(batch, gatherer.lag, read_to.of_partitions)
                if not tracker.try_claim(batch.next_offsets):
                    return
                at.update(batch.next_offsets)
                if len(batch):
                    yield TimestampedValue(batch, to_beam(max(min(batch.timestamps_ms), 0)))
                _advance(watermark, reached)

    def teardown(self) -> None:
        for element in self._borrowed:
            process_wide.give_back((self._source.job, element))
        self._borrowed.clear()

    def initial_restriction(self, element: str) -> Span:
        return first_span(self._source, int(element.rpartition("/")[2]))

    def create_tracker(self, restriction: Span) -> SpanTracker:
        return SpanTracker(restriction)

    def restriction_size(self, element: str, restriction: Span) -> float:
        return SpanTracker(restriction).current_progress().remaining_work

    def restriction_coder(self) -> coders.Coder:
        return SpanCoder()

    def initial_estimator_state(self, element: str, restriction: Span) -> None:
        return None

    def create_watermark_estimator(self, estimator_state: Any) -> ManualWatermarkEstimator:
        return ManualWatermarkEstimator(estimator_state)

    def estimator_state_coder(self) -> coders.Coder:
        return coders.NullableCoder(coders.TimestampCoder())

    def _reader(self, element: str) -> _GroupReader:
        if element not in self._borrowed:
            self._borrowed[element] = process_wide.borrow(
                (self._source.job, element), lambda: _GroupReader(self._source)
            )
        return self._borrowed[element]


def _advance(watermark: Any, milliseconds: int) -> None:
    now = watermark.current_watermark()
    if milliseconds >= 0 and (now is None or to_beam(milliseconds) > now):
        watermark.set_watermark(to_beam(milliseconds))
