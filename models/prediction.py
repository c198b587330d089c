"""The prediction: one JSON object per scored row, the same bytes whenever the same bundle scores the same record."""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.explanation import Explanation
from models.scorer import Scorer
from models.variants import CHAMPION
from schemas.errors import OnegraphError
from schemas.schema import Kind


class PredictionEncoder:
    """Encode the scored rows of one scorer.

    Fields, in this order: `id` (where the record came from), the use case's own id columns but for personal ones,
    `score` (the shortest text that reads back as the same float32), `label` (1 at and above the bundle's threshold),
    `bundle`, `variant`, `event_time` (UTC milliseconds, where the schema has an event time), `features` on request,
    and `contributions` in the predictions that `explanation` chooses. No clock reading.
    """

    def __init__(self, scorer: Scorer, with_features: bool = False, explanation: Explanation | None = None):
        self._scorer, self._explanation = scorer, explanation
        self._bundle_id = scorer.bundle_id
        self._threshold = np.float32(scorer.threshold)
        self._feature_names = scorer.feature_names if with_features else ()
        self._event_time = scorer.schema.event_time
        ids = scorer.schema.with_role("id")
        self._ids = [column for column in ids if column.role("personal") is None]

    def encode(
        self,
        batch: pa.RecordBatch,
        scores: np.ndarray,
        features: np.ndarray,
        ids: Sequence[str] | pa.Array,
        variant: str = CHAMPION,
    ) -> list[bytes]:
        """Return one UTF-8 JSON object per row; `ids` are like `topic/partition/offset`. All have as many rows.

        >>> float32 = pa.array([0.1], pa.float32())
        >>> _numbers(float32).to_pylist()
        ['0.1']
        """
        _check_lengths(batch, scores, features, ids)
        labels = self._labels(scores).cast(pa.string())
        parts: list[pa.Array | str] = ['{"id":', _texts(pa.array(ids, pa.string()))]
        for column in self._ids:
            values = batch.column(column.name)
            written = _texts(values) if column.kind is Kind.BYTES else _numbers(values)
            parts += [f",{json.dumps(column.name)}:", written]
        parts += [',"score":', _numbers(pa.array(scores.astype(np.float32))), ',"label":', labels]
        parts += [f',"bundle":"{self._bundle_id}","variant":{json.dumps(variant)}']
        if self._event_time is not None:
            name, milliseconds = self._event_time
            parts += [',"event_time":', _numbers(pc.multiply(batch.column(name), milliseconds))]
        for place, name in enumerate(self._feature_names):
            column_values = pa.array(np.ascontiguousarray(features[:, place]), from_pandas=True)
            parts += [',"features":{' if place == 0 else ",", f"{json.dumps(name)}:", _numbers(column_values)]
        if self._feature_names:
            parts.append("}")
        if self._explanation is not None:
            texts = np.full(len(scores), "", object)
            explained = self._explained(scores, features, ids)
            texts[list(explained)] = [f',"contributions":{text}' for text in explained.values()]
            parts.append(pa.array(texts, pa.string()))
        parts.append("}")
        joined = pc.binary_join_element_wise(*[_scalar(part) for part in parts], "")
        return joined.cast(pa.binary()).to_pylist()

    def columns(
        self,
        batch: pa.RecordBatch,
        scores: np.ndarray,
        features: np.ndarray,
        ids: Sequence[str] | pa.Array,
        variant: str = CHAMPION,
    ) -> pa.RecordBatch:
        """Return the same fields as typed columns, for files of columns; a feature's column is `features.<name>`.

        `contributions` is JSON, null where a row has none.
        """
        _check_lengths(batch, scores, features, ids)
        rows = batch.num_rows
        columns: dict[str, pa.Array] = {"id": pa.array(ids, pa.string())}
        columns |= {column.name: batch.column(column.name) for column in self._ids}
        columns |= {"score": pa.array(scores.astype(np.float32)), "label": self._labels(scores)}
        columns["bundle"] = pa.array([self._bundle_id] * rows, pa.string())
        columns["variant"] = pa.array([variant] * rows, pa.string())
        if self._event_time is not None:
            name, milliseconds = self._event_time
            columns["event_time"] = pc.multiply(batch.column(name), milliseconds)
        for place, name in enumerate(self._feature_names):
            columns[f"features.{name}"] = pa.array(np.ascontiguousarray(features[:, place]))
        if self._explanation is not None:
            explained = self._explained(scores, features, ids)
            columns["contributions"] = pa.array([explained.get(row) for row in range(rows)], pa.string())
        return pa.RecordBatch.from_pydict(columns)

    def _explained(self, scores: np.ndarray, features: np.ndarray, ids: Sequence[str] | pa.Array) -> dict[int, str]:
        """Return the contributions, as JSON, of the rows that have some."""
        explanation = self._explanation
        if explanation is None:
            return {}
        rows = explanation.chosen(ids.to_pylist() if isinstance(ids, pa.Array) else ids, scores)
        texts = explanation.texts(self._scorer, features[rows]) if len(rows) else []
        return dict(zip(rows.tolist(), texts, strict=True))

    def _labels(self, scores: np.ndarray) -> pa.Array:
        return pa.array((scores >= self._threshold).astype(np.int8))


def _check_lengths(
    batch: pa.RecordBatch, scores: np.ndarray, features: np.ndarray, ids: Sequence[str] | pa.Array
) -> None:
    if not batch.num_rows == len(scores) == len(features) == len(ids):
        raise OnegraphError(
            f"prediction: {batch.num_rows} rows, {len(scores)} scores, {len(features)} rows of features, "
            f"{len(ids)} ids; every row wants one of each"
        )


def _scalar(part: pa.Array | str) -> pa.Array | pa.Scalar:
    return pa.scalar(part, pa.string()) if isinstance(part, str) else part


def _numbers(values: pa.Array) -> pa.Array:
    """Return numbers as JSON text, `null` where missing or not finite."""
    if not pa.types.is_floating(values.type):
        texts = values.cast(pa.string())
        return texts.fill_null("null") if texts.null_count else texts
    texts = values.cast(pa.string())
    if not np.isfinite(values.to_numpy(zero_copy_only=False)).all():
        texts = pc.if_else(pc.is_finite(values), texts, "null").fill_null("null")
    # `-0` is an integer to readers of JSON, and integers have no negative zero.
    return pc.if_else(pc.equal(texts, "-0"), "-0.0", texts)


def _texts(values: pa.Array) -> pa.Array:
    """Return strings as JSON text, quoted and escaped."""
    encoded = values.dictionary_encode()
    quoted = pa.array([json.dumps(text, ensure_ascii=False) for text in encoded.dictionary.to_pylist()], pa.string())
    return quoted.take(encoded.indices).fill_null("null")
