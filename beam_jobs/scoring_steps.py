"""`ScoreEvents`: the step that scores the stream with the variants of a registry, whichever serve now."""

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from beam_jobs import first_loads, measures, process_wide, remote_registry
from beam_jobs.bundle_check import BundleCheck
from beam_jobs.event_policy import EventPolicy, GuardedScoring
from beam_jobs.event_scoring import EventScorer
from beam_jobs.events import EventBatch, Outcome, Records
from beam_jobs.isolated_scoring import IsolatedScoring, IsolationSettings
from beam_jobs.live_watch import LIVE
from beam_jobs.metrics_endpoint import announced_worker
from beam_jobs.run_files import WorkerMetrics
from beam_jobs.step_watch import BatchWatch
from beam_jobs.value_format import ValueFormat
from models.explanation import Explanation
from models.live import LiveScorer
from models.serving import Serving
from schemas.rejection import Rejection
from schemas.signature import TrustedKeys

_NONE = Records([], [], [], [])


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What scoring is told; plain values that travel to workers.

    `shadow_bytes` is the largest record that the shadows' topic takes, None where they have none.
    """

    registry: str
    trusted: TrustedKeys | None = None
    pointer_poll_s: float = 1.0
    with_features: bool = False
    values: ValueFormat = dataclasses.field(default_factory=ValueFormat)
    isolation: IsolationSettings | None = None
    explanation: Explanation | None = None
    policy: EventPolicy = dataclasses.field(default_factory=EventPolicy)
    shadow_bytes: int | None = None
    metrics: WorkerMetrics | None = None

    @property
    def check(self) -> BundleCheck:
        """What every bundle must pass before it serves."""
        return BundleCheck(self.values, self.with_features, self.explanation)


def _follow(scoring: Scoring, stop: threading.Event | None) -> LiveScorer:
    live = LiveScorer(
        remote_registry.open_registry(scoring.registry, scoring.trusted),
        scoring.pointer_poll_s,
        LIVE.changed,
        scoring.check,
        trials=first_loads.trials(),
        tried=first_loads.tried(),
        stop=stop,
    )
    LIVE.follow(live)
    return live


class ScoreEvents(beam.PTransform):
    """Score `EventBatch`es with the registry's variants into `Outcome`s; a new generation takes over between two."""

    def __init__(self, scoring: Scoring):
        super().__init__()
        self._score = ScoreBatches(scoring)

    def expand(self, events: beam.PCollection[EventBatch]) -> beam.PCollection[Outcome]:
        return events | "Score" >> beam.ParDo(self._score).with_output_types(Outcome)


class ScoreBatches(beam.DoFn):
    """The DoFn of `ScoreEvents`; plain values only, the loaded variants are those of the process."""

    def __init__(self, scoring: Scoring):
        self._scoring = scoring

    def setup(self) -> None:
        scoring = self._scoring
        if scoring.metrics:
            metrics = scoring.metrics
            process_wide.borrow(("metrics", metrics), lambda: announced_worker(metrics))
        self._key = "scorer", scoring.registry, scoring.trusted, scoring.values
        stop = process_wide.stop_signal(scoring.policy.job) if scoring.policy.job else None
        self._live = process_wide.borrow(self._key, lambda: _follow(scoring, stop))
        self._isolated: Any = None
        if scoring.isolation:
            isolation = scoring.isolation
            self._isolated = process_wide.borrow(("isolation", isolation), lambda: IsolatedScoring(isolation))
        self._guarded = GuardedScoring(scoring.policy)
        self._serving: Serving | None = None
        self._watch = BatchWatch()

    def process(self, events: EventBatch) -> Iterator[Outcome]:
        if not len(events):  # only says how far reading is
            yield Outcome(events.topic, _NONE, _NONE, events.next_offsets)
            return
        outcome, rejections = self._guarded.scored(
            len(events), lambda: self._scored(events), lambda: self._live.generation
        )
        self._watch.tell(len(events), rejections)
        if dropped := len(events) - len(outcome.predictions) - len(outcome.rejected):
            measures.count("dropped", dropped, reason="tombstone")
        yield outcome

    def _scored(self, events: EventBatch) -> tuple[Outcome, list[Rejection]]:
        current = self._live.current()
        if current is not self._serving:
            told, self._serving = self._scoring, current
            self._events = EventScorer(
                current,
                told.with_features,
                told.values,
                self._watch,
                told.policy,
                told.explanation,
                told.shadow_bytes,
            )
        self._watch.start()
        if self._isolated is None:
            return self._events.score(events)
        culprits = self._isolated.culprits(events, self._events.probe)
        with self._isolated.naming(events):
            return self._events.score(events, culprits)

    def teardown(self) -> None:
        process_wide.give_back(self._key)
        self._guarded.close()
        if self._isolated is not None:
            process_wide.give_back(("isolation", self._scoring.isolation))
        if self._scoring.metrics:
            process_wide.give_back(("metrics", self._scoring.metrics))
