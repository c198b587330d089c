"""The prediction: one JSON object per scored row, the same bytes whenever the same bundle scores the same record.

Its names are ours; an id column of a use case that has one of them, `id` above all, stands in an object `ids`.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.scoring.explanation import Explanation
from models.scoring.score_form import SCORE, SCORES
from models.scoring.scorer import Scorer, halved
from models.tasks import MULTICLASS, RANKING, REGRESSION
from models.variants.variants import CHAMPION
from schemas.column import Kind
from schemas.errors import OnegraphError
from schemas.personal.treatment import may_be_told
from schemas.rejection import Reason, Rejection, Stage

# Names of predictions, those to come included. In any case of letters: many readers do not tell `ID` from `id`.
_OURS = ("id", "ids", "score", "scores", "label", "bundle", "variant", "event_time", "features", "contributions")
_IDS, _FEATURES, _SCORES = "ids.", "features.", f"{SCORES}."  # columns of files

_quoted = json.encoder.encode_basestring  # as json.dumps(text, ensure_ascii=False)


class PredictionEncoder:
    """Encode the scored rows of one scorer.

    Fields, in this order: `id` (where the record came from), the use case's own id columns but for hidden ones, in
    `ids` those of them that have a name of ours, `score` (the shortest text that reads back as the same float32),
    `label` (1 at and above the bundle's threshold; a regression or a ranking has none), `bundle`, `variant`,
    `event_time` (UTC milliseconds, if the schema has an event time), `features` on request, and `contributions` in the
    predictions that `explanation` chooses. Of several classes there is an object `scores` by their names, and `label`
    is the name of the likeliest one. No clock reading.
    """

    def __init__(self, scorer: Scorer, with_features: bool = False, explanation: Explanation | None = None):
        self._scorer, self._explanation = scorer, explanation
        self._bundle_id = scorer.bundle_id
        self._form = scorer.form
        self._class_texts = np.array([_quoted(name) for name in scorer.form.classes], object)
        self._feature_names = scorer.feature_names if with_features else ()
        self._event_time = scorer.schema.event_time
        ids = scorer.schema.with_role("id")
        shown = [column for column in ids if may_be_told(column)]
        self._apart = [column for column in shown if is_ours(column.name)]
        self._ids = [column for column in shown if not is_ours(column.name)] + self._apart
        self._templates: dict[str, str] = {}

    def encode(
        self,
        batch: pa.RecordBatch,
        scores: np.ndarray,
        features: np.ndarray,
        ids: Sequence[str] | pa.Array,
        variant: str = CHAMPION,
    ) -> list[bytes]:
        """Return one UTF-8 JSON object per row; `ids` are like `topic/partition/offset`. All have as many rows.

        `scores` are the scorer's, `features` float32 [rows, features].

        Raises for the whole batch what is wrong with one row, as `columns` does.

        >>> float32 = pa.array([0.1], pa.float32())
        >>> _numbers(float32).to_pylist()
        ['0.1']
        """
        _check_lengths(batch, scores, features, ids)
        own = self._form.columns(scores)
        made = [*own, *features.T] if self._feature_names else own
        numbers = [pa.array(np.ascontiguousarray(one, np.float32)) for one in made]
        floats = _in_columns([*self._written(batch, Kind.FLOAT), *numbers])
        integers = _in_columns([*self._written(batch, Kind.INT), *self._event_times(batch)])
        texts = map(_texts, self._written(batch, Kind.BYTES))
        rest: Mapping[Kind, Iterator] = {Kind.FLOAT: iter(floats), Kind.INT: iter(integers), Kind.BYTES: texts}
        columns: list[Iterable[str]] = [map(_quoted, ids.to_pylist() if isinstance(ids, pa.Array) else ids)]
        columns += [next(rest[column.kind]) for column in self._ids]
        columns += [*itertools.islice(rest[Kind.FLOAT], len(own)), *self._label_texts(scores)]
        columns += [*rest[Kind.INT], *rest[Kind.FLOAT]]  # the event time, the features
        if self._explanation is not None:
            columns.append(self._contributions(scores, features, ids))
        if variant not in self._templates:
            self._templates[variant] = self._template(variant)
        template = self._templates[variant]
        return [(template % row).encode() for row in zip(*columns, strict=True)]

    def columns(
        self,
        batch: pa.RecordBatch,
        scores: np.ndarray,
        features: np.ndarray,
        ids: Sequence[str] | pa.Array,
        variant: str = CHAMPION,
    ) -> pa.RecordBatch:
        """Return the same fields as typed columns, for files of columns: also `features.<name>` and `ids.<name>`.

        Takes what `encode` takes. `contributions` is JSON, null where a row has none.
        """
        _check_lengths(batch, scores, features, ids)
        rows = batch.num_rows
        columns: dict[str, pa.Array] = {"id": pa.array(ids, pa.string())}
        for column in self._ids:
            columns[_IDS * (column in self._apart) + column.name] = batch.column(column.name)
        for name, one in zip(self._form.names, self._form.columns(scores), strict=True):
            columns[name] = pa.array(np.ascontiguousarray(one, np.float32))
        columns |= self._labels(scores)
        columns["bundle"] = pa.array([self._bundle_id] * rows, pa.string())
        columns["variant"] = pa.array([variant] * rows, pa.string())
        if self._event_time is not None:
            (columns["event_time"],) = self._event_times(batch)
        for index, name in enumerate(self._feature_names):
            columns[_FEATURES + name] = pa.array(np.ascontiguousarray(features[:, index]))
        if self._explanation is not None:
            explained = self._explained(scores, features, ids)
            columns["contributions"] = pa.array([explained.get(row) for row in range(rows)], pa.string())
        return pa.RecordBatch.from_pydict(columns)

    def encode_rows(self, *scored: Any) -> tuple[list[bytes], np.ndarray, list[Rejection]]:
        """Encode what can be encoded; takes what `encode` takes.

        Returns the predictions, the rows that they are of (int64), and a rejection (`BAD_OUTPUT`) per other row.
        """
        return self._row_by_row(self.encode, scored)

    def column_rows(self, *scored: Any) -> tuple[list[pa.RecordBatch], np.ndarray, list[Rejection]]:
        """Return as columns what can be, in one or more batches; otherwise as `encode_rows`, kept rows int64."""
        return self._row_by_row(lambda *part: [self.columns(*part)], scored)

    def _row_by_row(
        self, encode: Callable[..., list], scored: Sequence[Any]
    ) -> tuple[list, np.ndarray, list[Rejection]]:
        """Encode a batch (the batch, scores, features, ids, maybe the variant); if it fails, halve it."""
        _check_lengths(*scored[:4])
        try:
            return encode(*scored), np.arange(len(scored[1])), []
        except Exception:  # halved below, which tells why
            pass

        def encoded(start: int, end: int) -> np.ndarray:
            values = encode(*(one[start:end] for one in scored[:4]), *scored[4:])
            made = np.empty(len(values), object)
            made[:] = values
            return made

        causes = self._scorer.causes
        values, kept, failed = halved(
            len(scored[1]), encoded, lambda error: causes.tell("a row has no prediction", error)
        )
        return list(values), kept, [Rejection(int(row), Stage.WRITE, Reason.BAD_OUTPUT) for row in failed]

    def _template(self, variant: str) -> str:
        """Return the text of a variant's predictions with a `%s` for every value of a row."""
        fields = [_field(column.name) for column in self._ids]
        plain, apart = fields[: len(fields) - len(self._apart)], ",".join(fields[len(fields) - len(self._apart) :])
        features = ",".join(_field(name) for name in self._feature_names)
        parts = [
            '"id":%s',
            *plain,
            *([f'"ids":{{{apart}}}'] if apart else []),
            *self._score_fields(),
            f'"bundle":"{self._bundle_id}"',
            '"variant":' + _constant(variant),
        ]
        parts += ['"event_time":%s'] if self._event_time is not None else []
        parts += [f'"features":{{{features}}}'] if features else []
        return "{" + ",".join(parts) + ("%s" if self._explanation is not None else "") + "}"

    def _score_fields(self) -> list[str]:
        if self._form.task in (REGRESSION, RANKING):
            return [f'"{SCORE}":%s']
        if self._form.task == MULTICLASS:
            return [f'"{SCORES}":{{{",".join(map(_field, self._form.classes))}}}', '"label":%s']
        return [f'"{SCORE}":%s', '"label":%s']

    def _written(self, batch: pa.RecordBatch, kind: Kind) -> list[pa.Array]:
        return [batch.column(column.name) for column in self._ids if column.kind is kind]

    def _event_times(self, batch: pa.RecordBatch) -> list[pa.Array]:
        if self._event_time is None:
            return []
        name, milliseconds = self._event_time
        return [pc.multiply_checked(batch.column(name), milliseconds)]

    def _contributions(self, scores: np.ndarray, features: np.ndarray, ids: Sequence[str] | pa.Array) -> Iterator[str]:
        explained = self._explained(scores, features, ids)
        return (f',"contributions":{explained[row]}' if row in explained else "" for row in range(len(scores)))

    def _explained(self, scores: np.ndarray, features: np.ndarray, ids: Sequence[str] | pa.Array) -> dict[int, str]:
        """Return the contributions, as JSON, of the rows that have some."""
        explanation = self._explanation
        if explanation is None:
            return {}
        named = ids.to_pylist() if isinstance(ids, pa.Array) else ids
        rows = explanation.chosen(named, self._form.leading(scores))
        texts = explanation.texts(self._scorer, features[rows], scores[rows]) if len(rows) else []
        return dict(zip(rows.tolist(), texts, strict=True))

    def _label_texts(self, scores: np.ndarray) -> list[Iterable[str]]:
        """Return the labels as JSON, in a list that is empty if there are none."""
        numbers = self._form.label_numbers(scores)
        if numbers is None:
            return []
        return [self._class_texts[numbers] if len(self._class_texts) else map(str, numbers.tolist())]

    def _labels(self, scores: np.ndarray) -> dict[str, pa.Array]:
        numbers = self._form.label_numbers(scores)
        if numbers is None:
            return {}
        if self._form.classes:
            return {"label": pa.array(np.array(self._form.classes, object)[numbers], pa.string())}
        return {"label": pa.array(numbers)}


def is_ours(name: str) -> bool:
    """Say whether a prediction has this name already, whatever the case of its letters.

    >>> is_ours("ID"), is_ours("features.fare"), is_ours("trip_id")
    (True, True, False)
    """
    lower = name.lower()
    return lower in _OURS or lower.startswith((_IDS, _FEATURES, _SCORES))


def _check_lengths(
    batch: pa.RecordBatch, scores: np.ndarray, features: np.ndarray, ids: Sequence[str] | pa.Array
) -> None:
    if not batch.num_rows == len(scores) == len(features) == len(ids):
        raise OnegraphError(
            f"prediction: {batch.num_rows} rows, {len(scores)} scores, {len(features)} rows of features, "
            f"{len(ids)} ids; every row wants one of each"
        )


def _constant(text: str) -> str:
    return json.dumps(text).replace("%", "%%")


def _field(name: str) -> str:
    return _constant(name) + ":%s"


def _in_columns(arrays: Sequence[pa.Array]) -> list[list[str]]:
    """Return the numbers of arrays of one type and length as JSON text, all by one cast."""
    if not arrays:
        return []
    texts, rows = _numbers(pa.concat_arrays(arrays)).to_pylist(), len(arrays[0])
    return [texts[start * rows : (start + 1) * rows] for start in range(len(arrays))]


def _numbers(values: pa.Array) -> pa.Array:
    """Return numbers as JSON text, `null` if missing or not finite."""
    if not pa.types.is_floating(values.type):
        texts = values.cast(pa.string())
        return texts.fill_null("null") if texts.null_count else texts
    texts = values.cast(pa.string())
    if not np.isfinite(values.to_numpy(zero_copy_only=False)).all():
        texts = pc.if_else(pc.is_finite(values), texts, "null").fill_null("null")
    # `-0` is an integer to readers of JSON, and integers have no negative zero.
    return pc.if_else(pc.equal(texts, "-0"), "-0.0", texts)


def _texts(values: pa.Array) -> Iterator[str]:
    """Return strings as JSON text, quoted and escaped."""
    return ("null" if text is None else _quoted(text) for text in values.to_pylist())
