"""`ReadEvents`: a Kafka topic as a PCollection of `EventBatch`, read by our own splittable DoFn.

One element is a group of partitions, its restriction the vector of their next offsets. All partitions of a group are
polled through one consumer, so latency does not grow with their number; groups are the unit of parallelism. On a
runner with checkpoints (Flink, Dataflow) the restriction is the truth about the position; if the runner keeps
nothing (FnApiRunner, Prism) reading starts at the consumer group's committed offsets, which `WriteOutcomes` moves.
"""

import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam import coders
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.transforms.core import RestrictionProvider, WatermarkEstimatorProvider
from apache_beam.transforms.window import TimestampedValue

from beam_jobs.process import process_wide
from beam_jobs.runners.flink.key_groups import spread_names
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.read.group_reader import GroupReader
from beam_jobs.stream.read.source import ReadSettings, first_span
from beam_jobs.stream.read.tracker import END_HERE, NewPartitions, Offsets, Span, SpanCoder, SpanTracker
from beam_jobs.stream.read.watermark import GroupWatermark, to_beam
from beam_jobs.stream.step_watch import PollWatch
from beam_jobs.stream.stream_job import StreamJob

_SLICE_S = 0.1  # how long one poll may last, hence how late a stop signal is seen


class ReadEvents(beam.PTransform):
    """Read a topic into `EventBatch`es. Partition p belongs to group p mod `partition_groups`.

    Reading begins at the group's committed offsets, in a partition without one at its start. A batch
    without events says how far reading is: when offsets moved without any, at the beginning, every few seconds and at
    the end.
    """

    def __init__(self, job: StreamJob, settings: ReadSettings | None = None):
        super().__init__()
        self._job, self._settings = job, settings or ReadSettings()

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection[EventBatch]:
        groups = spread_names(self._job.source.name, self._settings.partition_groups)
        return (
            begin
            | "Name Groups" >> beam.Create(groups, reshuffle=False)
            | "Poll" >> beam.ParDo(PollGroup(self._job, self._settings)).with_output_types(EventBatch)
        )


class PollGroup(beam.DoFn, RestrictionProvider, WatermarkEstimatorProvider):
    """Splittable: reads one group of partitions, named "topic/index", for a read budget, then takes a checkpoint.

    It never reads ahead of what it claimed, ends where it is when the job's stop signal is set, takes in partitions
    that are added meanwhile, and fails rather than jump over offsets that the log has lost.
    """

    def __init__(self, job: StreamJob, settings: ReadSettings):
        self._job, self._settings = job, settings
        self._borrowed: dict[str, GroupReader] = {}

    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        element: str,
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008
        watermark: Any = beam.DoFn.WatermarkEstimatorParam(),  # noqa: B008
    ) -> Iterator[TimestampedValue]:
        span = tracker.current_restriction()
        at, read_to = dict(span.start), GroupWatermark(span.start)
        watch = PollWatch(self._job.source.broker_time)
        stop_signal = process_wide.stop_signal(self._job.name)
        ends = time.monotonic() + self._settings.read_budget_s
        with self._reader(element).locked(at) as reader:
            while at != span.stop:
                stopped = stop_signal.is_set()
                if stopped or reader.pulse_due():
                    yield _pulse(self._job.source.name, at)
                if stopped:
                    tracker.try_claim(END_HERE)
                    return
                left = ends - time.monotonic()
                if left <= 0:
                    tracker.defer_remainder()
                    return
                if reader.look_due():
                    new = reader.look_around(at, span.stop)
                    if new:
                        if not tracker.try_claim(NewPartitions(new)):
                            return
                        at.update(new)
                        read_to.add(new)
                        reader.go_to(at)
                if not at:
                    stop_signal.wait(min(left, _SLICE_S))
                    continue
                batch = reader.next_batch(min(left, _SLICE_S), span.stop)
                reached = read_to.advance(batch, reader.caught_up(), int(time.time() * 1000))
                watch.polled(batch, reader.lag, read_to.of_partitions)
                if not tracker.try_claim(batch.next_offsets):
                    return
                at.update(batch.next_offsets)
                if batch.next_offsets:
                    yield TimestampedValue(batch, to_beam(max(min(batch.timestamps_ms, default=0), 0)))
                _advance(watermark, reached)
            yield _pulse(self._job.source.name, at)

    def teardown(self) -> None:
        for element in self._borrowed:
            process_wide.give_back((self._job.name, element))
        self._borrowed.clear()

    def initial_restriction(self, element: str) -> Span:
        return first_span(self._job, self._settings, _index(element))

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

    def _reader(self, element: str) -> GroupReader:
        if element not in self._borrowed:
            self._borrowed[element] = process_wide.borrow(
                (self._job.name, element), lambda: GroupReader(self._job, self._settings, _index(element))
            )
        return self._borrowed[element]


def _pulse(topic: str, at: Offsets) -> TimestampedValue:
    """Return a batch without events that says how far reading is: quiet partitions are committed too."""
    return TimestampedValue(EventBatch(topic, [], [], [], [], [], [], dict(at)), to_beam(0))


def _index(element: str) -> int:
    return int(element.rpartition("/")[2])


def _advance(watermark: Any, milliseconds: int) -> None:
    now = watermark.current_watermark()
    if milliseconds >= 0 and (now is None or to_beam(milliseconds) > now):
        watermark.set_watermark(to_beam(milliseconds))
