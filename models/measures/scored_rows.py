"""Rows of a split with a model's scores: what every metric is made of."""

import dataclasses

import numpy as np
import pyarrow as pa


@dataclasses.dataclass(frozen=True)
class ScoredRows:
    """Rows with a model's scores: label float32 [rows], scores float32 [rows] or [rows, classes], and raw columns.

    `weight` is what each counts for, float32 [rows], None where all count for 1; `columns` are those of the spec's own
    metrics; `query`, of a ranking, is equal in rows that are ranked together, int64 [rows].
    """

    label: np.ndarray
    scores: np.ndarray
    weight: np.ndarray | None
    columns: pa.RecordBatch
    query: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "ScoredRows":
        """Return some of them, by their numbers (int64)."""
        columns = self.columns.take(pa.array(rows)) if self.columns.num_columns else self.columns
        weight = None if self.weight is None else self.weight[rows]
        query = None if self.query is None else self.query[rows]
        return ScoredRows(self.label[rows], self.scores[rows], weight, columns, query)

    def with_scores(self, scores: np.ndarray) -> "ScoredRows":
        """Return the same rows with another model's scores."""
        return dataclasses.replace(self, scores=scores)

    @property
    def weights(self) -> np.ndarray:
        """What every row counts for: float64 [rows]."""
        return np.ones(len(self.label)) if self.weight is None else self.weight.astype(np.float64)
