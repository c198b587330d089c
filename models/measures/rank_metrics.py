"""Metrics of a ranking's scores, query by query, as plain JSON values: what cannot be computed is None, never NaN."""

import dataclasses
from typing import Any

import numpy as np

from models.losses import EXPONENTIAL, loss_of
from models.measures.metrics import rows_facts
from models.measures.ranked import Weights, divided
from models.measures.resampling import Measure
from models.measures.scored_rows import ScoredRows
from models.spec import ModelSpec
from schemas.errors import InputError

_DEPTHS = (1, 2, 3, 5, 10, 20, 50, 100)


@dataclasses.dataclass(frozen=True)
class RankedQueries:
    """Rows of queries: label and score (float32 [rows]), query (int64 [rows]), weight (float32 [rows] or None).

    A relevance r gains 2^r - 1, or r where the gain is not `exponential`.
    """

    label: np.ndarray
    scores: np.ndarray
    query: np.ndarray
    weight: np.ndarray | None = None
    exponential: bool = True

    @classmethod
    def of(cls, rows: ScoredRows, spec: ModelSpec) -> "RankedQueries":
        """Return scored rows of queries; their gain is that of the spec's loss."""
        if rows.query is None:
            raise InputError("ranking: the rows have no queries; build the training set again")
        gain = getattr(loss_of(spec.task, spec.loss), "gain", EXPONENTIAL)
        return cls(rows.label, rows.scores, rows.query, rows.weight, gain == EXPONENTIAL)

    def metrics(self) -> dict[str, Any]:
        """Return rows, queries that have a relevant row, and over these the mean NDCG, of all rows and of the first 10.

        >>> ranked = RankedQueries(np.float32([0, 1, 1]), np.float32([2, 1, 5]), np.array([7, 7, 9]))
        >>> ranked.metrics()["queries"], round(ranked.metrics()["ndcg"], 4)
        (2, 0.8155)
        """
        return {
            **rows_facts(self.label, self.weight),
            "queries": len(self.ndcg(None)[0]),
            "ndcg": self._mean_at(None),
            "ndcg_at_10": self._mean_at(10),
        }

    def measure(self) -> tuple[Measure, np.ndarray]:
        """Return what gives the metrics whatever queries count for, and what they count for, float64 [queries].

        Queries are what a draw of other rows like these would change, not rows.
        """
        found = {"ndcg": self.ndcg(None), "ndcg_at_10": self.ndcg(10)}
        weights = found["ndcg"][1]

        def measured(weights: Weights) -> dict[str, np.ndarray]:
            total = weights.sum(axis=1)
            return {name: divided(weights @ values, total) for name, (values, _) in found.items()}

        return measured, weights

    def curves(self) -> dict[str, Any]:
        """Return NDCG by how many of a query's first rows count."""
        return {"ndcg_at": {"rows": list(_DEPTHS), "ndcg": [self._mean_at(depth) for depth in _DEPTHS]}}

    def ndcg(self, depth: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the NDCG of every query with a relevant row, and what the query counts for, float64 [queries] each.

        Only the first `depth` rows of a query count, all where it is None. Rows of one score share what their places
        give (McSherry and Najork, 2008), so that the order of the data never decides.
        """
        if not len(self.label):
            return np.empty(0), np.empty(0)
        gain = self.label.astype(np.float64)
        if self.exponential:
            gain = np.exp2(gain) - 1
        found = _gained(self.query, self.scores, gain, depth)
        best = _gained(self.query, self.label, gain, depth)
        known = best > 0
        _, firsts = np.unique(self.query, return_index=True)
        weight = np.ones(len(firsts)) if self.weight is None else self.weight[firsts].astype(np.float64)
        return found[known] / best[known], weight[known]

    def _mean_at(self, depth: int | None) -> float | None:
        ndcg, weight = self.ndcg(depth)
        return float(np.average(ndcg, weights=weight)) if weight.sum() > 0 else None


def _gained(query: np.ndarray, by: np.ndarray, gain: np.ndarray, depth: int | None) -> np.ndarray:
    """Return the DCG of every query, in the order of the queries, its rows ordered by a number, the highest first."""
    order = np.lexsort((-by, query))
    query, by, gain = query[order], by[order], gain[order]
    begins = np.flatnonzero(np.r_[True, query[1:] != query[:-1]])
    places = np.arange(len(query)) - np.repeat(begins, np.diff(np.r_[begins, len(query)]))
    discount = 1.0 / np.log2(places + 2.0)
    if depth is not None:
        discount[places >= depth] = 0.0
    ties = np.flatnonzero(np.r_[True, (query[1:] != query[:-1]) | (by[1:] != by[:-1])])
    sizes = np.diff(np.r_[ties, len(query)])
    shared = np.repeat(np.add.reduceat(gain, ties) / sizes, sizes)
    return np.add.reduceat(shared * discount, begins)
