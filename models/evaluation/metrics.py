"""Metrics of binary scores, as plain JSON values: numbers that cannot be computed are None, never NaN."""

from typing import Any

import numpy as np
from sklearn import metrics as sk

_CURVE_POINTS = 200
_BINS = 20
_CALIBRATION_BINS = 10
_SMALLEST = 1e-7  # float32 scores of exactly 0 or 1 would make the log loss infinite


def of_scores(
    label: np.ndarray, scores: np.ndarray, threshold: float, weight: np.ndarray | None = None
) -> dict[str, Any]:
    """Return rows, AUC, average precision, log loss, and the confusion matrix and what follows from it.

    `label` is float32 [rows], 0 or 1; `scores` float32 [rows]; one at and above the threshold counts as positive.
    `weight` is what a row counts for, float32 [rows]; then the confusion matrix has sums of weights.

    >>> found = of_scores(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]), 0.5)
    >>> found["auc"], found["confusion"]
    (0.75, {'true_positive': 1, 'false_positive': 1, 'true_negative': 1, 'false_negative': 1})
    """
    label = np.asarray(label, np.float64)
    scores = np.asarray(scores, np.float64)
    said = scores >= threshold
    both = 0 < rows_sum(label, weight, label == 1) < rows_sum(label, weight)
    confusion = {
        "true_positive": rows_sum(label, weight, said & (label == 1)),
        "false_positive": rows_sum(label, weight, said & (label == 0)),
        "true_negative": rows_sum(label, weight, ~said & (label == 0)),
        "false_negative": rows_sum(label, weight, ~said & (label == 1)),
    }
    whole, weights = rows_sum(label, weight), 1.0 if weight is None else weight.astype(np.float64)
    right = confusion["true_positive"]
    precision = ratio(right, right + confusion["false_positive"])
    recall = ratio(right, right + confusion["false_negative"])
    return {
        **rows_facts(label, weight),
        "label_mean": ratio((label * weights).sum(), whole),
        "score_mean": ratio((scores * weights).sum(), whole),
        "auc": float(sk.roc_auc_score(label, scores, sample_weight=weight)) if both else None,
        "average_precision": float(sk.average_precision_score(label, scores, sample_weight=weight)) if both else None,
        "log_loss": _log_loss(label, scores, weight),
        "threshold": threshold,
        "confusion": confusion,
        "accuracy": ratio(right + confusion["true_negative"], whole),
        "precision": precision,
        "recall": recall,
        "f1": ratio(2 * right, 2 * right + confusion["false_positive"] + confusion["false_negative"]),
    }


def best_f1_threshold(label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the score at and above which calling rows positive gives the best F1; the lowest of equals.

    Takes what `curves` does.

    >>> best_f1_threshold(np.array([0, 0, 1, 1]), np.array([0.125, 0.5, 0.25, 0.75], np.float32))
    0.25
    """
    precision, recall, thresholds = sk.precision_recall_curve(label, scores, sample_weight=weight)
    both = precision[:-1] + recall[:-1]
    f1 = np.divide(2 * precision[:-1] * recall[:-1], both, out=np.zeros_like(both), where=both > 0)
    return float(thresholds[int(np.argmax(f1))])


def curves(label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None) -> dict[str, Any]:
    """Return ROC, precision-recall, calibration (rows in tenths of the scores' order) and the score histogram.

    `label` is float32 [rows], 0 and 1, both of them; `scores` float32 [rows]; `weight` is what a row counts for, but
    the histogram has rows.
    """
    false_rate, true_rate, _ = sk.roc_curve(label, scores, sample_weight=weight)
    precision, recall, _ = sk.precision_recall_curve(label, scores, sample_weight=weight)
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    histograms = {str(value): np.histogram(scores[label == value], edges)[0].tolist() for value in (0, 1)}
    return {
        "roc": _thinned(false_positive_rate=false_rate, true_positive_rate=true_rate),
        "precision_recall": _thinned(recall=recall[::-1], precision=precision[::-1]),
        "calibration": calibration(label, scores, weight),
        "score_histogram": {"edges": edges.tolist(), "counts_by_label": histograms},
    }


def calibration(label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None) -> dict[str, list[float]]:
    """Return mean score and mean label of each tenth of the rows, in the order of their scores (float32 [rows])."""
    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, _CALIBRATION_BINS) if len(part)]
    if weight is not None:
        parts = [part for part in parts if weight[part].any()]
        means = [[float(np.average(one[part], weights=weight[part])) for part in parts] for one in (scores, label)]
    else:
        means = [[float(one[part].mean(dtype=np.float64)) for part in parts] for one in (scores, label)]
    return {"score_mean": means[0], "label_mean": means[1], "rows": [len(part) for part in parts]}


def rows_facts(label: np.ndarray, weight: np.ndarray | None) -> dict[str, Any]:
    """Return how many rows there are, and what they count for together if not 1 each."""
    return {"rows": len(label)} | ({} if weight is None else {"weight": rows_sum(label, weight)})


def rows_sum(label: np.ndarray, weight: np.ndarray | None, mask: np.ndarray | None = None) -> float:
    """Return what rows (those of a mask, bool [rows]) count for together: their number, or the sum of their weights."""
    if weight is None:
        return len(label) if mask is None else int(mask.sum())
    return float((weight if mask is None else weight[mask]).sum(dtype=np.float64))


def _thinned(**columns: np.ndarray) -> dict[str, list[float]]:
    """Return at most `_CURVE_POINTS` points of a curve, its ends included."""
    length = len(next(iter(columns.values())))
    indices = np.unique(np.linspace(0, length - 1, min(length, _CURVE_POINTS)).round().astype(int))
    return {name: [float(value) for value in column[indices]] for name, column in columns.items()}


def _log_loss(label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None) -> float | None:
    if not rows_sum(label, weight):
        return None
    clipped = np.clip(scores, _SMALLEST, 1 - _SMALLEST)
    return float(sk.log_loss(label, clipped, labels=[0, 1], sample_weight=weight))


def ratio(part: float, whole: float) -> float | None:
    """Return a part of a whole, None of nothing."""
    return float(part / whole) if whole else None
