"""Metrics of scores of several classes, as plain JSON values: numbers that cannot be computed are None, never NaN."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics as sk

from models.evaluation.metrics import calibration, ratio, rows_facts, rows_sum

_SMALLEST = 1e-7  # as of binary scores
_BINS = 20


def of_classes(
    label: np.ndarray, scores: np.ndarray, names: Sequence[str], weight: np.ndarray | None = None
) -> dict[str, Any]:
    """Return rows, accuracy, log loss, and over the classes the means of AUC (one against the rest) and F1.

    `label` is float32 [rows], the number of a class; `scores` float32 [rows, classes]; `weight` what a row counts for,
    float32 [rows]. The means are over the classes that have them; `classes` has each class apart, `confusion` a row
    per class that was, a column per class that was said.

    >>> scores = np.array([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8]])
    >>> found = of_classes(np.array([0, 1, 1]), scores, ["a", "b"])
    >>> found["macro_auc"], found["confusion"]
    (1.0, [[1, 0], [1, 1]])
    """
    label, scores = np.asarray(label, np.int64), np.asarray(scores, np.float64)
    confusion = np.zeros((len(names), len(names)), np.int64 if weight is None else np.float64)
    said = scores.argmax(axis=1) if len(scores) else np.empty(0, np.int64)
    np.add.at(confusion, (label, said), 1 if weight is None else weight.astype(np.float64))
    each = [_of_class(number, name, label, scores, weight, confusion) for number, name in enumerate(names)]
    own = np.clip(scores[np.arange(len(label)), label], _SMALLEST, None)
    return {
        **rows_facts(label, weight),
        "accuracy": ratio(float(np.trace(confusion)), rows_sum(label, weight)),
        "log_loss": float(np.average(-np.log(own), weights=weight)) if rows_sum(label, weight) else None,
        "macro_auc": _mean([one["auc"] for one in each]),
        "macro_f1": _mean([one["f1"] for one in each if one["rows"]]),
        "classes": each,
        "confusion": confusion.tolist(),
    }


def curves(label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None) -> dict[str, Any]:
    """Return calibration and histogram of the highest score, against whether it was right.

    Takes what `of_classes` does.
    """
    highest = scores.max(axis=1)
    right = (scores.argmax(axis=1) == label).astype(np.float32)
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    counts = {name: np.histogram(highest[right == value], edges)[0].tolist() for value, name in enumerate(_RIGHT)}
    return {
        "calibration": calibration(right, highest, weight),
        "score_histogram": {"edges": edges.tolist(), "counts": counts},
    }


_RIGHT = ("wrong", "right")


def _of_class(
    number: int,
    name: str,
    label: np.ndarray,
    scores: np.ndarray,
    weight: np.ndarray | None,
    confusion: np.ndarray,
) -> dict[str, Any]:
    is_class = label == number
    right, was, said = confusion[number, number], confusion[number].sum(), confusion[:, number].sum()
    both = 0 < was < rows_sum(label, weight)
    auc = float(sk.roc_auc_score(is_class, scores[:, number], sample_weight=weight)) if both else None
    return {
        "class": name,
        "rows": int(is_class.sum()),
        "auc": auc,
        "precision": ratio(right, said),
        "recall": ratio(right, was),
        "f1": ratio(2 * right, was + said),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
