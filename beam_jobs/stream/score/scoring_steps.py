"""`ScoreEvents`: the step that scores the stream with the variants of a registry, whichever serve now."""

import contextlib
import functools
import threading
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from beam_jobs.kafka.records import Outgoing
from beam_jobs.monitoring import measures
from beam_jobs.monitoring.live_watch import LIVE_WATCH
from beam_jobs.monitoring.metrics_endpoint import announced_worker
from beam_jobs.process import process_wide
from beam_jobs.process.run_files import WorkerMetrics
from beam_jobs.registries import first_loads
from beam_jobs.registries.kept_registry import keeping
from beam_jobs.registries.opening import open_registry
from beam_jobs.stream.events import EventBatch, Outcome
from beam_jobs.stream.score.event_scoring import EventScorer
from beam_jobs.stream.score.guarded_scoring import GuardedScoring, Judged
from beam_jobs.stream.score.isolated_scoring import Culprits, IsolatedScoring
from beam_jobs.stream.score.score_settings import ScoreSettings
from beam_jobs.stream.step_watch import BatchWatch
from beam_jobs.stream.stream_job import StreamJob
from models.live.live import LiveScorer
from models.live.serving import Serving

_NONE = Outgoing([], [], [], [])


class ScoreEvents(beam.PTransform):
    """Score `EventBatch`es with the registry's variants into `Outcome`s; a new generation takes over between two."""

    def __init__(self, job: StreamJob, settings: ScoreSettings | None = None):
        super().__init__()
        self._score = ScoreBatches(job, settings or ScoreSettings())

    def expand(self, events: beam.PCollection[EventBatch]) -> beam.PCollection[Outcome]:
        return events | "Score" >> beam.ParDo(self._score).with_output_types(Outcome)


class ScoreBatches(beam.DoFn):
    """The DoFn of `ScoreEvents`; plain values only, the loaded variants are those of the process."""

    def __init__(self, job: StreamJob, settings: ScoreSettings):
        self._job, self._settings = job, settings

    def setup(self) -> None:
        job, settings = self._job, self._settings
        with contextlib.ExitStack() as borrowed:  # a setup that fails must not keep what it has got
            if metrics := _worker_metrics(job, settings):
                process_wide.borrow_until(borrowed, ("metrics", metrics), lambda: announced_worker(metrics))
            key = "scorer", job.registry, settings.trusted, settings.check
            stop = process_wide.stop_signal(job.name)
            self._live = process_wide.borrow_until(borrowed, key, lambda: _follow(job.registry, settings, stop))
            self._isolated: Any = None
            if isolation := settings.isolation:
                self._isolated = process_wide.borrow_until(
                    borrowed,
                    ("isolation", job.reads, isolation),
                    lambda: IsolatedScoring(isolation.path(job.reads), isolation.deadline_s),
                )
            self._guarded = GuardedScoring(job, settings.breaker)
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
            self._watch.finish(len(part), judged.faults)
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
            job, settings, self._serving = self._job, self._settings, current
            self._events = EventScorer(
                current,
                formats=settings.formats,
                policy=settings.policy,
                prediction_bytes=job.predictions.max_message_bytes,
                shadow_bytes=job.shadow.max_message_bytes if job.shadow else None,
                watch=self._watch,
                keys=settings.personal_keys,
            )
        return self._events, current

    def _scored(self, culprits: Culprits, events: EventBatch) -> Judged:
        scorer, serving = self._current()
        self._watch.start()
        with contextlib.nullcontext() if self._isolated is None else self._isolated.naming(events):
            outcome, rejections = scorer.score(events, culprits)
        return Judged(outcome, rejections, _generation(serving), scorer.fields)

    def teardown(self) -> None:
        self._borrowed.close()


def _follow(address: str, settings: ScoreSettings, stop: threading.Event) -> LiveScorer:
    registry = open_registry(address, settings.trusted, settings.kept, stop)
    live = LiveScorer(
        registry,
        settings.pointer_poll_s,
        keeping(registry, LIVE_WATCH.changed),
        settings.check,
        trials=first_loads.trials(settings.trial, settings.keep_warm),
        tried=first_loads.tried(),
        stop=stop,
    )
    LIVE_WATCH.follow(live)
    return live


def _worker_metrics(job: StreamJob, settings: ScoreSettings) -> WorkerMetrics | None:
    """Return what this worker process needs to serve its own measures, None if it does not."""
    if settings.metrics_host is None:
        return None
    return WorkerMetrics(job=job.about, host=settings.metrics_host, lease=job.lease.number if job.lease else None)


def _generation(serving: Serving) -> Hashable:
    """Return what no other generation has: a forged pointer may have the number of a true one."""
    return serving.generation, serving.variants
