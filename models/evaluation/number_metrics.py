"""Metrics of a regression's scores, as plain JSON values: numbers that cannot be computed are None, never NaN."""

from typing import Any

import numpy as np

from models.evaluation.metrics import calibration, rows_facts, rows_sum

_BINS = 20


def of_numbers(label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None) -> dict[str, Any]:
    """Return rows, RMSE, MAE and R2: 1 is perfect, 0 as good as the mean label, less is worse.

    `label` and `scores` are float32 [rows]; `weight` is what a row counts for, float32 [rows].

    >>> found = of_numbers(np.array([1.0, 3.0]), np.array([2.0, 3.0]))
    >>> found["mae"], found["r2"]
    (0.5, 0.5)
    """
    label, scores = np.asarray(label, np.float64), np.asarray(scores, np.float64)
    if not rows_sum(label, weight):
        gone = dict.fromkeys(("label_mean", "score_mean", "rmse", "mae", "r2"))
        return {**rows_facts(label, weight), **gone}
    mean = float(np.average(label, weights=weight))
    error = np.average((scores - label) ** 2, weights=weight)
    spread = np.average((label - mean) ** 2, weights=weight)
    return {
        **rows_facts(label, weight),
        "label_mean": mean,
        "score_mean": float(np.average(scores, weights=weight)),
        "rmse": float(np.sqrt(error)),
        "mae": float(np.average(np.abs(scores - label), weights=weight)),
        "r2": float(1 - error / spread) if spread else None,
    }


def curves(label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None) -> dict[str, Any]:
    """Return calibration and histogram of the errors, score less label; takes what `of_numbers` does."""
    counts, edges = np.histogram(scores.astype(np.float64) - label.astype(np.float64), _BINS, weights=weight)
    return {
        "calibration": calibration(label, scores, weight),
        "error_histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }
