"""`ScoreEvents`: the step that scores the stream with the variants of a registry, whichever serve now."""

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from beam_jobs.kafka.records import Records
from beam_jobs.monitoring import measures
from beam_jobs.monitoring.live_watch import LIVE
from beam_jobs.monitoring.metrics_endpoint import announced_worker
from beam_jobs.process import process_wide
from beam_jobs.process.run_files import WorkerMetrics
from beam_jobs.registries import first_loads
from beam_jobs.registries.opening import open_registry
from beam_jobs.stream.events import EventBatch, Outcome
from beam_jobs.stream.score.bundle_check import BundleCheck
from beam_jobs.stream.score.event_policy import EventPolicy, GuardedScoring, Judged
from beam_jobs.stream.score.event_scoring import EventScorer
from beam_jobs.stream.score.isolated_scoring import Culprits, IsolatedScoring, IsolationSettings
from beam_jobs.stream.step_watch import BatchWatch
from beam_jobs.stream.value_format import ValueFormat
from models.isolation.trial import TrialLimits
from models.live.live import LiveScorer
from models.live.serving import Serving
from models.scoring.explanation import Explanation
from schemas.artifacts.signature import TrustedKeys

_NONE = Records([], [], [], [])


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What scoring is told; plain values that travel to workers.

    `shadow_bytes` is the largest record that the shadows' topic takes, None where they have none. `keep_warm` says that
    the process to try bundles in is there before it is needed.
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
    trial: TrialLimits = dataclasses.field(default_factory=TrialLimits)
    keep_warm: bool = False

    @property
    def check(self) -> BundleCheck:
        """What every bundle must pass before it serves."""
        return BundleCheck(self.values, self.with_features, self.explanation)


def _follow(scoring: Scoring, stop: threading.Event | None) -> LiveScorer:
    live = LiveScorer(
        open_registry(scoring.registry, scoring.trusted),
        scoring.pointer_poll_s,
        LIVE.changed,
        scoring.check,
        trials=first_loads.trials(scoring.trial, scoring.keep_warm),
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
        with contextlib.ExitStack() as borrowed:  # a setup that fails must not keep what it has got
            metrics, isolation = scoring.metrics, scoring.isolation
            if metrics:
                process_wide.borrow_until(borrowed, ("metrics", metrics), lambda: announced_worker(metrics))
            key = "scorer", scoring.registry, scoring.trusted, scoring.check
            stop = process_wide.stop_signal(scoring.policy.job) if scoring.policy.job else None
            self._live = process_wide.borrow_until(borrowed, key, lambda: _follow(scoring, stop))
            self._isolated: Any = None
            if isolation:
                self._isolated = process_wide.borrow_until(
                    borrowed, ("isolation", isolation), lambda: IsolatedScoring(isolation)
                )
            self._guarded = GuardedScoring(scoring.policy)
            borrowed.callback(self._guarded.close)
            self._borrowed = borrowed.pop_all()
        self._serving: Serving | None = None
        self._watch = BatchWatch()

    def process(self, events: EventBatch) -> Iterator[Outcome]:
        if not len(events):  # only says how far reading is
            yield Outcome(events.topic, _NONE, _NONE, events.next_offsets)
            return
        for part, culprits in self._parts(events):
            judged = self._guarded.scored(part, functools.partial(self._scored, culprits), self._generation)
            outcome = judged.outcome
            self._watch.tell(len(part), judged.rejections)
            if dropped := len(part) - len(outcome.predictions) - len(outcome.rejected):
                measures.count("dropped", dropped, reason="tombstone")
            yield outcome

    def _generation(self) -> Hashable:
        return _generation(self._live.current())

    def _parts(self, events: EventBatch) -> Sequence[tuple[EventBatch, Culprits]]:
        if self._isolated is None:
            return [(events, {})]
        scorer, _ = self._current()
        return self._isolated.parts(events, scorer.probe)

    def _current(self) -> tuple[EventScorer, Serving]:
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
        return self._events, current

    def _scored(self, culprits: Culprits, events: EventBatch) -> Judged:
        scorer, serving = self._current()
        self._watch.start()
        with contextlib.nullcontext() if self._isolated is None else self._isolated.naming(events):
            outcome, rejections = scorer.score(events, culprits)
        return Judged(outcome, rejections, _generation(serving))

    def teardown(self) -> None:
        self._borrowed.close()


def _generation(serving: Serving) -> Hashable:
    """Return what tells it from every other: a forged pointer may have the number of a true one."""
    return serving.generation, serving.variants
