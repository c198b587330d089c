"""`ScoreEvents`: a batch of events becomes predictions and rejected records, every event exactly one of the two."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa

from beam_jobs import measures, process_wide, remote_registry
from beam_jobs.event_policy import EventPolicy, GuardedScoring
from beam_jobs.events import EventBatch, Header, Outcome, Records
from beam_jobs.isolated_scoring import IsolatedScoring, IsolationSettings
from beam_jobs.live_watch import LIVE
from beam_jobs.metrics_endpoint import announced_worker
from beam_jobs.rejected_records import attempt_of, our_headers, too_large
from beam_jobs.run_files import WorkerMetrics
from beam_jobs.step_watch import BatchWatch, Unwatched
from beam_jobs.value_format import ValueFormat
from models.live import LiveScorer
from models.prediction import CHAMPION, PredictionEncoder
from models.scorer import Scorer
from models.scoring_probe import ScoringProbe
from schemas.errors import OnegraphError
from schemas.rejection import Reason, Rejection, Stage
from transforms.intake import take_in

_NO_CULPRITS: Mapping[int, Reason] = {}


class EventScorer:
    """Scores batches of events with one scorer. Knows nothing of Beam, brokers or clocks; `watch` may look on."""

    def __init__(
        self,
        scorer: Scorer,
        with_features: bool = False,
        values: ValueFormat | None = None,
        watch: Unwatched | None = None,
        policy: EventPolicy | None = None,
    ):
        self._scorer, self._watch, self._policy = scorer, watch or Unwatched(), policy or EventPolicy()
        self._decoder = (values or ValueFormat()).decoder(scorer.schema)
        self._encoder = PredictionEncoder(scorer, with_features)
        self.probe = ScoringProbe(scorer.path, self._decoder)

    def score(
        self, events: EventBatch, culprits: Mapping[int, Reason] = _NO_CULPRITS
    ) -> tuple[Outcome, list[Rejection]]:
        """Return what became of every event, and why some were rejected (rows counted in `events`).

        The rows of `culprits` are rejected unread, for the reasons given there. Raises `OnegraphError` if any event
        would be lost or doubled; that must stop the job.
        """
        values = events.values
        if culprits:
            values = [None if row in culprits else value for row, value in enumerate(values)]
        intake = take_in(values, self._decoder, self._scorer.schema)
        self._watch.took_in(intake, self._scorer.schema)
        scored, kept, failed = self._scorer.score_rows(intake.batch, self._watch.lap)
        self._watch.scored(scored.scores, CHAMPION)
        batch = intake.batch if len(kept) == intake.batch.num_rows else intake.batch.take(pa.array(kept))
        rows = intake.rows[kept].tolist()
        rejections = [
            Rejection(one.row, Stage.SCORE, culprits[one.row]) if one.row in culprits else one
            for one in intake.rejections
        ]
        rejections += [Rejection(int(intake.rows[one.row]), one.stage, one.reason, one.path) for one in failed]
        rejections, dropped = self._policy.split(rejections)
        encoded = self._encoder.encode(batch, scored.scores, scored.features, [_source(events, row) for row in rows])
        handed_on = self._policy.handed_on([events.headers[row] for row in rows])
        for place in reversed(self._too_large(events, rows, encoded, handed_on)):
            rejections.append(Rejection(rows.pop(place), Stage.WRITE, Reason.OUT_TOO_LARGE))
            del encoded[place]
            if handed_on is not None:
                del handed_on[place]
        rejections.sort(key=lambda one: one.row)
        predictions = self._records(events, rows, encoded, handed_on)
        self._watch.predicted(len(predictions), CHAMPION)
        refused = [one.row for one in rejections]
        rejected = self._records(
            events, refused, [events.values[row] for row in refused], [self._headers(events, one) for one in rejections]
        )
        _check_complete(len(events), rows, len(encoded), refused + [one.row for one in dropped])
        self._watch.lap("encode")
        return Outcome(events.topic, predictions, rejected, events.next_offsets), rejections

    def _headers(self, events: EventBatch, rejection: Rejection) -> list[Header]:
        theirs = events.headers[rejection.row]
        source = _source(events, rejection.row)
        return [*theirs, *our_headers(rejection, source, self._scorer.bundle_id, attempt_of(theirs))]

    def _too_large(
        self, events: EventBatch, rows: list[int], encoded: Sequence[bytes], headers: list[list[Header]] | None
    ) -> list[int]:
        limit = self._policy.prediction_bytes
        return [] if limit is None else too_large([events.keys[row] for row in rows], encoded, limit, headers)

    @staticmethod
    def _records(
        events: EventBatch, rows: list[int], values: Sequence[bytes | None], headers: list[list[Header]] | None
    ) -> Records:
        if len(rows) == len(events) and headers is None:
            return Records(events.partitions, events.timestamps_ms, events.keys, list(values))
        return Records(
            [events.partitions[row] for row in rows],
            [events.timestamps_ms[row] for row in rows],
            [events.keys[row] for row in rows],
            list(values),
            headers,
        )


def _source(events: EventBatch, row: int) -> str:
    return f"{events.topic}/{events.partitions[row]}/{events.offsets[row]}"


def _check_complete(count: int, scored: list[int], predictions: int, rejected: list[int]) -> None:
    ends = Counter(scored) + Counter(rejected)
    if predictions != len(scored) or len(ends) != count or sum(ends.values()) != count:
        raise OnegraphError(
            f"{count} events in, {predictions} predictions for {len(scored)} of them and {len(rejected)} rejected: "
            "every event must end exactly once; nothing of this batch was sent, report this"
        )


class ScoreEvents(beam.PTransform):
    """Score `EventBatch`es with the registry's live bundle into `Outcome`s; a new generation takes over between two."""

    def __init__(
        self,
        registry: str,
        pointer_poll_s: float = 1.0,
        with_features: bool = False,
        values: ValueFormat | None = None,
        isolation: IsolationSettings | None = None,
        policy: EventPolicy | None = None,
        metrics: WorkerMetrics | None = None,
    ):
        super().__init__()
        values, policy = values or ValueFormat(), policy or EventPolicy()
        self._score = ScoreBatches(registry, pointer_poll_s, with_features, values, isolation, policy, metrics)

    def expand(self, events: beam.PCollection[EventBatch]) -> beam.PCollection[Outcome]:
        return events | "Score" >> beam.ParDo(self._score).with_output_types(Outcome)


class ScoreBatches(beam.DoFn):
    """The DoFn of `ScoreEvents`; plain values only, the scorer is one per process."""

    def __init__(
        self,
        registry: str,
        pointer_poll_s: float,
        with_features: bool,
        values: ValueFormat,
        isolation: IsolationSettings | None,
        policy: EventPolicy,
        metrics: WorkerMetrics | None = None,
    ):
        self._metrics = metrics
        self._registry, self._pointer_poll_s = registry, pointer_poll_s
        self._with_features, self._values = with_features, values
        self._isolation, self._policy = isolation, policy

    def setup(self) -> None:
        if self._metrics:
            metrics = self._metrics
            process_wide.borrow(("metrics", metrics), lambda: announced_worker(metrics))
        self._live = process_wide.borrow(
            ("scorer", self._registry),
            lambda: LiveScorer(remote_registry.open_registry(self._registry), self._pointer_poll_s, LIVE.changed),
        )
        self._isolated: Any = None
        if self._isolation:
            settings = self._isolation
            self._isolated = process_wide.borrow(("isolation", settings), lambda: IsolatedScoring(settings))
        self._guarded = GuardedScoring(self._policy)
        self._scorer: Any = None
        self._watch = BatchWatch()

    def process(self, events: EventBatch) -> Iterator[Outcome]:
        outcome, rejections = self._guarded.scored(
            len(events), lambda: self._scored(events), lambda: self._live.generation
        )
        self._watch.tell(len(events), rejections)
        if dropped := len(events) - len(outcome.predictions) - len(outcome.rejected):
            measures.count("dropped", dropped, reason="tombstone")
        yield outcome

    def _scored(self, events: EventBatch) -> tuple[Outcome, list[Rejection]]:
        current = self._live.current()
        if current is not self._scorer:
            self._scorer = current
            self._events = EventScorer(current, self._with_features, self._values, self._watch, self._policy)
        self._watch.start()
        if self._isolated is None:
            return self._events.score(events)
        culprits = self._isolated.culprits(events, self._events.probe)
        with self._isolated.naming(events):
            return self._events.score(events, culprits)

    def teardown(self) -> None:
        process_wide.give_back(("scorer", self._registry))
        self._guarded.close()
        if self._isolated is not None:
            process_wide.give_back(("isolation", self._isolation))
        if self._metrics:
            process_wide.give_back(("metrics", self._metrics))
