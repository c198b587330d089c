"""Metrics of rankings: rows of one query, ordered by score, against how good each is."""

import numpy as np

from models.evaluation.ranked import divided


def ndcg(
    label: np.ndarray,
    scores: np.ndarray,
    query: np.ndarray,
    k: int | None = None,
    weight: np.ndarray | None = None,
) -> float | None:
    """Return the mean over queries of NDCG (Järvelin and Kekäläinen 2002), at `k` if given.

    `label` is how good a row is, at 0 or more, float32 [rows]; `scores` float32 [rows]; `query` says which query a row
    is of, any values [rows]; `weight` what each row counts for, float32 [rows], of which a query has its rows' mean. A
    row gains its label, less by the logarithm of its place; rows of equal scores share the gains of their places.
    Queries without a row above 0 have none; None if no query has one.

    >>> ndcg(np.array([3.0, 0.0, 1.0]), np.array([0.9, 0.5, 0.1]), np.array([7, 7, 7]), k=2)
    0.8262346571285599
    """
    each, counts = per_query(label, scores, query, k, weight)
    known = ~np.isnan(each) & (counts > 0)
    return float(np.average(each[known], weights=counts[known])) if known.any() else None


def per_query(
    label: np.ndarray,
    scores: np.ndarray,
    query: np.ndarray,
    k: int | None = None,
    weight: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return NDCG of every query, NaN where none of its rows is above 0, and what it counts for: float64 [queries].

    Takes what `ndcg` does; queries are in the order of their sorted ids.
    """
    label, scores = np.asarray(label, np.float64), np.asarray(scores, np.float64)
    _, codes = np.unique(query, return_inverse=True)
    queries = int(codes.max()) + 1 if len(codes) else 0
    sizes = np.bincount(codes, minlength=queries)
    counts = np.bincount(codes, weight, queries) / np.maximum(sizes, 1)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if queries else np.empty(0, np.int64)
    by_score = np.lexsort((-scores, codes))
    place = np.arange(len(codes)) - starts[codes[by_score]]
    discount = 1 / np.log2(place + 2.0)
    if k is not None:
        discount[place >= k] = 0.0
    # Equal scores of a query: each place of theirs has the mean of their labels.
    ordered, ranks = codes[by_score], scores[by_score]
    new = np.append(True, (ordered[1:] != ordered[:-1]) | (ranks[1:] != ranks[:-1]))[: len(codes)]
    tie = np.cumsum(new) - 1
    gains = np.bincount(tie, label[by_score]) / np.bincount(tie) if len(tie) else np.empty(0)
    found = np.bincount(ordered, gains[tie] * discount if len(tie) else None, queries)
    by_label = np.lexsort((-label, codes))
    best = np.bincount(ordered, label[by_label] * discount, queries)
    return divided(found, best), counts
