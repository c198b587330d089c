"""The event scorer: a batch of events becomes predictions and rejected records, every event exactly one of the two."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from beam_jobs.kafka.records import Header, Records
from beam_jobs.stream.events import EventBatch, Outcome
from beam_jobs.stream.rejected_records import attempt_of, our_headers, too_large
from beam_jobs.stream.score.event_policy import EventPolicy
from beam_jobs.stream.step_watch import Unwatched
from beam_jobs.stream.value_format import ValueFormat
from models.isolation.scoring_probe import ScoringProbe
from models.live.serving import Part, Serving
from models.scoring.explanation import Explanation
from models.scoring.prediction import PredictionEncoder
from models.scoring.scorer import Scorer
from models.variants.variants import CHALLENGER, CHAMPION, SHADOW
from schemas.errors import OnegraphError
from schemas.rejection import Reason, Rejection, Stage
from transforms.intake.take_in import Intake, take_in

_NO_CULPRITS: Mapping[int, Reason] = {}


class EventScorer:
    """Scores batches of events with the variants of one generation, or with one scorer alone.

    Knows nothing of Beam, brokers or clocks; `watch` may look on.
    """

    def __init__(
        self,
        serving: Serving | Scorer,
        with_features: bool = False,
        values: ValueFormat | None = None,
        watch: Unwatched | None = None,
        policy: EventPolicy | None = None,
        explanation: Explanation | None = None,
        shadow_bytes: int | None = None,
    ):
        self._serving = serving if isinstance(serving, Serving) else Serving.alone(serving)
        self._watch, self._policy = watch or Unwatched(), policy or EventPolicy()
        self._shadow_bytes = shadow_bytes
        values = values or ValueFormat()
        self._lanes = [(lane, values.decoder(lane.schema)) for lane in self._serving.lanes]
        self._encoders = {
            bundle: PredictionEncoder(scorer, with_features, explanation)
            for bundle, scorer in self._serving.scorers.items()
        }
        self.probe = ScoringProbe(
            tuple((one.scorer.path, values.decoder(one.scorer.schema)) for one in self._serving.deciders)
        )

    def score(
        self, events: EventBatch, culprits: Mapping[int, Reason] = _NO_CULPRITS
    ) -> tuple[Outcome, list[Rejection]]:
        """Return what became of every event, and why some were rejected (rows counted in `events`, ascending).

        The rows of `culprits` are rejected unread, for the reasons given there. Raises `OnegraphError` if any event
        would be lost or doubled; that must stop the job.
        """
        values = events.values
        refused_unread = self._policy.refused(events)
        culprits = {**refused_unread, **culprits} if refused_unread else culprits
        if culprits:
            values = [None if row in culprits else value for row, value in enumerate(values)]
        owners = self._serving.owners(events.topic, events.partitions, events.offsets, events.keys)
        decided, shadows = _Encoded(), _Encoded()
        rejections: list[Rejection] = []
        for lane, decoder in self._lanes:
            rows = lane.rows(owners)
            if not len(rows):
                continue
            intake = take_in([values[row] for row in rows.tolist()], decoder, lane.schema)
            self._watch.took_in(intake, lane.schema)
            refused = (dataclasses.replace(one, row=int(rows[one.row])) for one in intake.rejections)
            rejections += [one for one in refused if lane.decides(int(owners[one.row]))]
            taken = rows[intake.rows]
            for part in lane.score(intake.batch, owners[taken], self._watch.lap):
                self._watch.scored(part.scored.scores, part.variant.role)
                values_made: list[bytes] = []
                if part.variant.role != SHADOW or self._shadow_bytes:
                    part, values_made = self._encoded(events, intake, part, taken)
                told = taken[part.rows].tolist()
                if part.variant.role == SHADOW:
                    shadows.add(told, values_made, part)
                else:
                    decided.add(told, values_made, part)
                    rejections += [dataclasses.replace(one, row=int(taken[one.row])) for one in part.rejections]
        rejections = [
            Rejection(one.row, _stage(culprits[one.row]), culprits[one.row]) if one.row in culprits else one
            for one in rejections
        ]
        rejections, dropped = self._policy.split(rejections)
        predicted, encoded = decided.in_order()
        handed_on = self._policy.handed_on([events.headers[row] for row in predicted])
        for place in reversed(_too_large(events, predicted, encoded, self._policy.prediction_bytes, handed_on)):
            rejections.append(Rejection(predicted.pop(place), Stage.WRITE, Reason.OUT_TOO_LARGE))
            del encoded[place]
            if handed_on is not None:
                del handed_on[place]
        rejections.sort(key=lambda one: one.row)
        refused_rows = [one.row for one in rejections]
        _check_complete(len(events), predicted, len(encoded), refused_rows + [one.row for one in dropped])
        rejected = self._records(
            events,
            refused_rows,
            [events.values[row] for row in refused_rows],
            [self._headers(events, one, int(owners[one.row])) for one in rejections],
        )
        predictions = self._records(events, predicted, encoded, handed_on)
        self._tell_predicted(predicted, owners)
        self._watch.lap("encode")
        outcome = Outcome(events.topic, predictions, rejected, events.next_offsets)
        if shadows.parts:
            self._compare(decided, shadows, len(events))
            told, beside = shadows.in_order()
            for place in reversed(_too_large(events, told, beside, self._shadow_bytes)):
                del told[place], beside[place]
            outcome = dataclasses.replace(outcome, shadow=self._records(events, told, beside, None))
            self._watch.predicted(len(told), SHADOW)
        return outcome, rejections

    def _encoded(self, events: EventBatch, intake: Intake, part: Part, taken: np.ndarray) -> tuple[Part, list[bytes]]:
        """Return the predictions of a part, and the part without the rows that cannot be written as one."""
        batch = intake.batch if len(part.rows) == intake.batch.num_rows else intake.batch.take(pa.array(part.rows))
        ids = [_source(events, row) for row in taken[part.rows].tolist()]
        encoder = self._encoders[part.variant.scorer.bundle_id]
        values, kept, refused = encoder.encode_rows(
            batch, part.scored.scores, part.scored.features, ids, part.variant.role
        )
        return (part.without(kept, refused) if refused else part), values

    def _tell_predicted(self, rows: list[int], owners: np.ndarray) -> None:
        champions = int((owners[rows] == 0).sum())
        self._watch.predicted(champions, CHAMPION)
        if len(self._serving.deciders) > 1:
            self._watch.predicted(len(rows) - champions, CHALLENGER)

    def _compare(self, decided: "_Encoded", shadows: "_Encoded", events: int) -> None:
        labels = decided.labels(events)
        for _, part in shadows.parts:
            theirs = _Encoded([(_, part)]).labels(events)
            both = (labels >= 0) & (theirs >= 0)
            same = int((labels[both] == theirs[both]).sum())
            self._watch.compared(same, int(both.sum()) - same, int(((labels >= 0) & (theirs < 0)).sum()))

    def _headers(self, events: EventBatch, rejection: Rejection, owner: int) -> list[Header]:
        theirs = events.headers[rejection.row]
        bundle = self._serving.deciders[owner].scorer.bundle_id
        return [*theirs, *our_headers(rejection, _source(events, rejection.row), bundle, attempt_of(theirs))]

    @staticmethod
    def _records(
        events: EventBatch, rows: list[int], values: Sequence[bytes | None], headers: list[list[Header]] | None
    ) -> Records:
        if len(rows) == len(events) and headers is None:
            whole = events.partitions, events.timestamps_ms, events.keys, list(values)
            return Records(*whole, source_topic=events.topic, source_offsets=events.offsets)
        return Records(
            [events.partitions[row] for row in rows],
            [events.timestamps_ms[row] for row in rows],
            [events.keys[row] for row in rows],
            list(values),
            headers,
            events.topic,
            [events.offsets[row] for row in rows],
        )


def _stage(reason: Reason) -> Stage:
    return Stage.SCORE if reason in (Reason.NATIVE_CRASH, Reason.TIMEOUT) else Stage.VALIDATE


class _Encoded:
    """What the parts of one batch came to: the rows of its events and their predictions."""

    def __init__(self, parts: Sequence[tuple[list[int], Part]] = ()):
        self.parts = list(parts)
        self._values: list[bytes] = []

    def add(self, rows: list[int], values: list[bytes], part: Part) -> None:
        self.parts.append((rows, part))
        self._values += values

    def in_order(self) -> tuple[list[int], list[bytes]]:
        """Return rows and predictions in the order of the events."""
        rows = [row for told, _ in self.parts for row in told]
        if len(self.parts) < 2 or len(rows) != len(self._values):
            return rows if self._values else [], self._values
        order = sorted(range(len(rows)), key=rows.__getitem__)
        return [rows[at] for at in order], [self._values[at] for at in order]

    def labels(self, events: int) -> np.ndarray:
        """Return the label of every event (int64), -1 where it has none."""
        labels = np.full(events, -1)
        for rows, part in self.parts:
            labels[rows] = part.scored.scores >= np.float32(part.variant.scorer.threshold)
        return labels


def _source(events: EventBatch, row: int) -> str:
    return f"{events.topic}/{events.partitions[row]}/{events.offsets[row]}"


def _too_large(
    events: EventBatch,
    rows: list[int],
    encoded: Sequence[bytes],
    limit: int | None,
    headers: list[list[Header]] | None = None,
) -> list[int]:
    return [] if limit is None else too_large([events.keys[row] for row in rows], encoded, limit, headers)


def _check_complete(count: int, scored: list[int], predictions: int, rejected: list[int]) -> None:
    ends = Counter(scored) + Counter(rejected)
    if predictions != len(scored) or len(ends) != count or sum(ends.values()) != count:
        raise OnegraphError(
            f"{count} events in, {predictions} predictions for {len(scored)} of them and {len(rejected)} rejected: "
            "every event must end exactly once; nothing of this batch was sent, report this"
        )
