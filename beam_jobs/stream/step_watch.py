"""What the steps of the stream measure while they work: how long stages took, what came of a batch, how far reading is.

Clocks are read here and nowhere in the records, so that predictions stay the same bytes. A stage's time is that of its
batch and counts once for every event of it: each of them waited that long. `queue` and `total` begin at the broker's
own timestamp of the batch's oldest event, so they are measured only if the topic has LogAppendTime.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from beam_jobs.monitoring import measures
from beam_jobs.stream.events import EventBatch, Outcome
from beam_jobs.stream.faults import Fault
from schemas.schema import Schema
from schemas.validation import unseen_values
from transforms.intake.take_in import Intake

_SAY_EVERY_S = 0.25


class Unwatched:
    """Measures nothing: what steps say of their work if it is not measured."""

    def lap(self, stage: str) -> None:
        """Say that a stage has just ended."""

    def took_in(self, intake: Intake, schema: Schema) -> None:
        """Say what was decoded and validated; ends the stage `decode`."""

    def scored(self, scores: np.ndarray, variant: str) -> None:
        """Say what one variant scored: its scores (float32 [rows])."""

    def predicted(self, count: int, variant: str) -> None:
        """Say how many predictions one variant has made."""

    def compared(self, same_label: int, other_label: int, unscored: int) -> None:
        """Say of how many events a shadow thought as their variant did, otherwise, or had no score for."""


class BatchWatch(Unwatched):
    """Looks at one batch after the other: `start`, the laps, `finish`; a start without a finish forgets what it saw."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        self._clock = clock
        self._declared: set[str] = set()
        self._declared_fields: set[str] = set()
        self.start()

    def start(self) -> None:
        """Begin with a batch."""
        self._seconds: Counter[str] = Counter()
        self._unseen: Counter[str] = Counter()
        self._predicted: Counter[str] = Counter()
        self._compared: Counter[str] = Counter()
        self._unknown = 0
        self._scores: list[tuple[np.ndarray, str]] = []
        self._last = self._clock()

    def lap(self, stage: str) -> None:
        """Give a stage, which has just ended, the time since the last one did."""
        now = self._clock()
        self._seconds[stage] += now - self._last  # type: ignore[assignment]
        self._last = now

    def took_in(self, intake: Intake, schema: Schema) -> None:
        """Count unseen categories and unknown fields; ends the stage `decode`, counting is no part of any stage."""
        self.lap("decode")
        if not self._declared.issuperset(schema.names):
            measures.declare("column", schema.names)
            self._declared.update(schema.names)
        self._unseen.update(unseen_values(intake.batch, schema))
        self._unknown += sum(intake.unknown_fields.values())
        self._last = self._clock()

    def scored(self, scores: np.ndarray, variant: str) -> None:
        """Keep the scores of one variant (float32 [rows]) until the batch is done."""
        self._scores.append((scores, variant))

    def predicted(self, count: int, variant: str) -> None:
        """Add to the predictions of one variant."""
        self._predicted[variant] += count

    def compared(self, same_label: int, other_label: int, unscored: int) -> None:
        """Add to the events of which shadows thought alike, otherwise, or had no score."""
        counts = {"same_label": same_label, "other_label": other_label, "unscored": unscored}
        self._compared.update(counts)

    def finish(self, events: int, faults: Mapping[Fault, int]) -> None:
        """Say what came of the batch, once it is done; `faults` are its rejected events."""
        measures.count("batches")
        measures.count("events", events)
        measures.observe("batch_events", events)
        self._rejected(faults)
        for variant, count in self._predicted.items():
            measures.count("predictions", count, variant=variant)
        for result, count in self._compared.items():
            measures.count("shadowed", count, result=result)
        for scores, variant in self._scores:
            measures.observe_all("score", scores, variant=variant)
        for column, unseen in self._unseen.items():
            measures.count("unseen_categories", unseen, column=column)
        if self._unknown:
            measures.count("unknown_fields", self._unknown)
        for stage, seconds in self._seconds.items():
            measures.observe("stage_seconds", seconds, times=events, stage=stage)

    def _rejected(self, faults: Mapping[Fault, int]) -> None:
        new = {field for _, field in faults}.difference(self._declared_fields)
        if new:
            measures.declare("field", new)
            self._declared_fields |= new
        reasons: Counter[str] = Counter()
        for (reason, field), count in faults.items():
            reasons[reason] += count
            measures.count("rejected_fields", count, reason=reason, field=field)
        for reason, count in reasons.items():
            measures.count("rejected", count, reason=reason)


class PollWatch:
    """Looks at the polls of one group of partitions."""

    def __init__(self, broker_time: bool, clock: Callable[[], float] = time.time):
        self._broker_time, self._clock = broker_time, clock
        self._said_at = 0.0
        self._declared: set[int] = set()

    def polled(self, batch: EventBatch, lag: Callable[[], Mapping[int, int]], read_to_ms: Mapping[int, int]) -> None:
        """Say what a poll brought; `lag` is asked a few times a second."""
        now = self._clock()
        measures.gauge("last_poll_seconds", now)
        if self._broker_time and len(batch):
            waited = max(now - min(batch.timestamps_ms) / 1000, 0)
            measures.observe("stage_seconds", waited, times=len(batch), stage="queue")
        if now - self._said_at < _SAY_EVERY_S:
            return
        self._said_at = now
        if not self._declared.issuperset(read_to_ms):
            measures.declare("partition", read_to_ms)
            self._declared.update(read_to_ms)
        for partition, events in lag().items():
            measures.gauge("lag_events", events, partition=partition)
        for partition, milliseconds in read_to_ms.items():
            if milliseconds >= 0:
                measures.gauge("watermark_seconds", milliseconds / 1000, partition=partition)


def written(outcome: Outcome, sent_at: float, done_at: float, broker_time: bool) -> None:
    """Say that the broker has acknowledged an outcome; both times are those of `time.perf_counter`."""
    events = len(outcome.predictions) + len(outcome.rejected)
    if not events:
        return
    if done_at < sent_at:  # the answer is there, the client's thread has not stamped it yet
        done_at = time.perf_counter()
    measures.observe("stage_seconds", max(done_at - sent_at, 0), times=events, stage="write")
    if broker_time:
        acknowledged = time.time() - (time.perf_counter() - done_at)
        oldest = min(*outcome.predictions.timestamps_ms, *outcome.rejected.timestamps_ms, _NEVER) / 1000
        measures.observe("stage_seconds", max(acknowledged - oldest, 0), times=events, stage="total")


_NEVER = 2**63
