"""The event scorer: a batch of events becomes predictions and rejected records, every event exactly one of the two."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from beam_jobs.kafka.records import Header, Outgoing
from beam_jobs.process.personal_keys import NO_KEYS, PersonalKeys
from beam_jobs.stream.events import EventBatch, Outcome, picked
from beam_jobs.stream.faults import fields
from beam_jobs.stream.rejected_records import attempt_of, our_headers, too_large
from beam_jobs.stream.score.event_policy import EventPolicy
from beam_jobs.stream.score.formats import Formats
from beam_jobs.stream.score.predicted import Predicted, check_complete
from beam_jobs.stream.step_watch import Unwatched
from models.isolation.scoring_probe import ScoringProbe
from models.live.serving import ScoredRows, Serving
from models.scoring.scorer import Scorer
from models.variants.variants import CHALLENGER, CHAMPION, SHADOW
from schemas.personal.treatments import Treatments
from schemas.rejection import Reason, Rejection, Stage
from transforms.decode.decoding import Decoder
from transforms.intake.take_in import take_in

_NO_CULPRITS: Mapping[int, Reason] = {}


@dataclasses.dataclass(frozen=True)
class _Taken:
    """The rows of a batch of events (`rows`, int64) that a lane takes, decoded, and why it does not take others."""

    rows: np.ndarray
    batch: pa.RecordBatch
    rejections: list[Rejection]


class EventScorer:
    """Scores batches of events with the variants of one generation, or with one scorer alone.

    Knows nothing of Beam, brokers or clocks; `watch` may look on. `prediction_bytes` is the largest record that the
    predictions topic takes, None if there is no limit; `shadow_bytes` that of the shadows' topic, None if their
    predictions are only counted; `keys` are what personal columns are hashed with. `fields` are those of its schemas
    and graphs, for whoever counts rejections.
    """

    def __init__(
        self,
        serving: Serving | Scorer,
        *,
        formats: Formats | None = None,
        policy: EventPolicy | None = None,
        prediction_bytes: int | None = None,
        shadow_bytes: int | None = None,
        watch: Unwatched | None = None,
        keys: PersonalKeys = NO_KEYS,
    ):
        self._serving = serving if isinstance(serving, Serving) else Serving.alone(serving)
        self._policy, self._watch = policy or EventPolicy(), watch or Unwatched()
        self._prediction_bytes, self._shadow_bytes = prediction_bytes, shadow_bytes
        formats = formats or Formats()
        found = keys.read()
        self._lanes = [
            (lane, formats.values.decoder(lane.schema), lane.treatments.keyed(found, "a bundle that serves"))
            for lane in self._serving.lanes
        ]
        self._encoders = {bundle: formats.encoder(scorer) for bundle, scorer in self._serving.scorers.items()}
        self.fields = fields(
            (name for lane in self._serving.lanes for name in lane.schema.names),
            (name for scorer in self._serving.scorers.values() for name in scorer.feature_names),
        )
        self.probe = ScoringProbe(
            tuple(
                (one.scorer.path, formats.values.decoder(one.scorer.treatments.raw)) for one in self._serving.deciders
            ),
            keys.read,
        )

    def score(
        self, events: EventBatch, culprits: Mapping[int, Reason] = _NO_CULPRITS
    ) -> tuple[Outcome, list[Rejection]]:
        """Return what became of every event, and why some were rejected (rows counted in `events`, ascending).

        The rows of `culprits` are rejected unread, for the reasons given there. Raises `OnegraphError` if any event
        would be lost or doubled; that must stop the job.
        """
        owners = self._serving.owners(events.topic, events.partitions, events.offsets, events.keys)
        rejections = self._refused(events, culprits)
        unread = [one.row for one in rejections]
        decided, shadows = Predicted(), Predicted()
        for lane, decoder, treatments in self._lanes:
            rows = _without(lane.rows(owners), unread)
            if not len(rows):
                continue
            taken = self._taken_in(events, rows, decoder, treatments)
            treated = _treated_keys(taken, treatments)
            rejections += [one for one in taken.rejections if lane.decides(int(owners[one.row]))]
            for part in lane.score(taken.batch, owners[taken.rows], self._watch.lap):
                self._watch.scored(part.variant.scorer.form.leading(part.scored.scores), part.variant.role)
                part, values = self._encoded(events, taken, part)
                is_shadow = part.variant.role == SHADOW
                of_events = taken.rows[part.rows].tolist()
                keys = _at(events.keys, of_events) if treated is None else _at(treated, part.rows.tolist())
                (shadows if is_shadow else decided).add(of_events, values, keys, part)
                if not is_shadow:
                    rejections += _in_batch(part.rejections, taken.rows)
                self._watch.lap("encode")
        return self._outcome(events, owners, decided, shadows, rejections)

    def _refused(self, events: EventBatch, culprits: Mapping[int, Reason]) -> list[Rejection]:
        """Reject what is not to be read: by what stands around its value, or because reading it ends the process."""
        reasons = {**self._policy.refused(events), **culprits}
        return [Rejection(row, _stage(reason), reason) for row, reason in reasons.items()]

    def _taken_in(self, events: EventBatch, rows: np.ndarray, decoder: Decoder, treatments: Treatments) -> _Taken:
        """Take in some rows (int64) of the events, by the schema of a lane and its treatments."""
        values = events.values if len(rows) == len(events) else [events.values[row] for row in rows.tolist()]
        intake = take_in(values, decoder, treatments.raw, treatments)
        self._watch.took_in(intake, treatments.schema)
        return _Taken(rows[intake.rows], intake.batch, _in_batch(intake.rejections, rows))

    def _encoded(self, events: EventBatch, taken: _Taken, part: ScoredRows) -> tuple[ScoredRows, list[bytes]]:
        """Return the scored rows that can be written as a prediction, and their predictions.

        Those of a shadow that is only counted have none.
        """
        if part.variant.role == SHADOW and not self._shadow_bytes:
            return part, []
        whole = len(part.rows) == taken.batch.num_rows
        batch = taken.batch if whole else taken.batch.take(pa.array(part.rows))
        ids = [_source(events, row) for row in taken.rows[part.rows].tolist()]
        encoder = self._encoders[part.variant.scorer.bundle_id]
        values, kept, refused = encoder.encode_rows(
            batch, part.scored.scores, part.scored.features, ids, part.variant.role
        )
        return (part.without(kept, refused) if refused else part), values

    def _outcome(
        self,
        events: EventBatch,
        owners: np.ndarray,
        decided: Predicted,
        shadows: Predicted,
        rejections: list[Rejection],
    ) -> tuple[Outcome, list[Rejection]]:
        """Return the outcome and its rejections once it is certain that every event ends exactly once.

        `owners` (int64 [events]) has the number in `deciders` of who decides on each.
        """
        rows, values, keys = decided.in_order()
        handed_on = self._policy.handed_on([events.headers[row] for row in rows])
        made = _records(events, rows, values, handed_on, keys)
        rows, predictions, large = _fitting(rows, made, self._prediction_bytes)
        rejections += [Rejection(row, Stage.WRITE, Reason.OUT_TOO_LARGE) for row in large]
        rejections, dropped = self._policy.split(rejections)
        rejections.sort(key=lambda one: one.row)
        check_complete(len(events), rows, len(predictions), [one.row for one in (*rejections, *dropped)])
        rejected = self._rejected(events, owners, rejections)
        self._count_predicted(rows, owners)
        self._watch.lap("encode")
        outcome = Outcome(events.topic, predictions, rejected, events.next_offsets)
        if shadows.parts:
            outcome = dataclasses.replace(outcome, shadow=self._compared(events, decided, shadows))
        return outcome, rejections

    def _rejected(self, events: EventBatch, owners: np.ndarray, rejections: Sequence[Rejection]) -> Outgoing:
        """Return the records of rejected events: their own bytes and headers, and our headers behind these.

        `owners` is int64 [events].
        """
        headers: list[list[Header]] = []
        for one in rejections:
            own = events.headers[one.row]
            bundle = self._serving.deciders[int(owners[one.row])].scorer.bundle_id
            headers.append([*own, *our_headers(one, _source(events, one.row), bundle, attempt_of(own))])
        rows = [one.row for one in rejections]
        return _records(events, rows, [events.values[row] for row in rows], headers, _at(events.keys, rows))

    def _count_predicted(self, rows: list[int], owners: np.ndarray) -> None:
        """Say how many predictions are the champion's and the challengers'; `owners` is int64 [events]."""
        champions = int((owners[rows] == 0).sum())
        self._watch.predicted(champions, CHAMPION)
        if len(self._serving.deciders) > 1:
            self._watch.predicted(len(rows) - champions, CHALLENGER)

    def _compared(self, events: EventBatch, decided: Predicted, shadows: Predicted) -> Outgoing:
        """Say how each shadow compares with who decided, by `ScoreForm.said`; return the shadows' predictions."""
        said = decided.said(len(events))
        decided_on = np.array([one is not None for one in said.tolist()], np.bool_)
        for part in shadows.parts:
            scored = np.zeros(len(events), np.bool_)
            scored[part.rows] = True
            both = int((decided_on & scored).sum())
            same = int(((said[part.rows] == part.said()) & decided_on[part.rows]).sum())
            self._watch.compared(same, both - same, int((decided_on & ~scored).sum()))
        rows, values, keys = shadows.in_order()
        _, records, _ = _fitting(rows, _records(events, rows, values, None, keys), self._shadow_bytes)
        self._watch.predicted(len(records), SHADOW)
        return records


def _stage(reason: Reason) -> Stage:
    return Stage.SCORE if reason in (Reason.NATIVE_CRASH, Reason.TIMEOUT) else Stage.VALIDATE


def _without(rows: np.ndarray, unread: Sequence[int]) -> np.ndarray:
    return np.setdiff1d(rows, unread, assume_unique=True) if unread else rows


def _in_batch(rejections: Sequence[Rejection], rows: np.ndarray) -> list[Rejection]:
    """Return rejections of some rows (int64) of a batch as rejections of the batch."""
    return [dataclasses.replace(one, row=int(rows[one.row])) for one in rejections]


def _source(events: EventBatch, row: int) -> str:
    return f"{events.topic}/{events.partitions[row]}/{events.offsets[row]}"


def _treated_keys(taken: _Taken, treatments: Treatments) -> list[bytes | None] | None:
    """Return the keys of a lane's predictions by row of `taken`, None if they are those of the events.

    An event's key may be the very value that a treatment is for; the treated value stands for it then.
    """
    column = treatments.treated_key
    if column is None:
        return None
    name, is_there = column
    if not is_there:
        return [None] * len(taken.rows)
    texts = taken.batch.column(name).cast(pa.string()).to_pylist()
    return [None if text is None else text.encode() for text in texts]


def _at(keys: Sequence[bytes | None], rows: Iterable[int]) -> list[bytes | None]:
    return [keys[row] for row in rows]


def _records(
    events: EventBatch,
    rows: list[int],
    values: Sequence[bytes | None],
    headers: list[list[Header]] | None,
    keys: Sequence[bytes | None],
) -> Outgoing:
    """Return records that answer these rows of the events; values, headers and keys are in the order of `rows`."""
    if len(rows) == len(events) and headers is None:
        whole = events.partitions, events.timestamps_ms, list(keys), list(values)
        return Outgoing(*whole, source_topic=events.topic, source_offsets=events.offsets)
    return Outgoing(
        [events.partitions[row] for row in rows],
        [events.timestamps_ms[row] for row in rows],
        list(keys),
        list(values),
        headers,
        events.topic,
        [events.offsets[row] for row in rows],
    )


def _fitting(rows: list[int], records: Outgoing, limit: int | None) -> tuple[list[int], Outgoing, list[int]]:
    """Return the rows whose records are no larger than `limit`, these records, and the other rows."""
    large = [] if limit is None else too_large(records.keys, records.values, limit, records.headers)
    if not large:
        return rows, records, []
    kept = sorted(set(range(len(rows))).difference(large))
    return [rows[at] for at in kept], picked(records, kept), [rows[at] for at in large]
