"""Metrics of scores of several classes, as plain JSON values: numbers that cannot be computed are None, never NaN."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.measures.metrics import against_rest, calibration, rows_facts, rows_sum, tenths
from models.measures.ranked import Ranked, Weights, divided, one_draw, plain

_SMALLEST = 1e-7  # as of binary scores
_BINS = 20
_MOST_CURVES = 20
_RIGHT = ("wrong", "right")


class ClassMetrics:
    """The metrics of some rows whatever they count for: called with weights [draws, rows], float64 [draws] by name.

    `label` is float32 [rows], the number of a class; `scores` float32 [rows, classes]; `weight` (float32 [rows]), the
    rows' own, makes the tenths of the calibration error.
    """

    def __init__(self, label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None):
        self.label = np.asarray(label, np.int64)
        self.classes = scores.shape[1]
        self.said = scores.argmax(axis=1) if len(scores) else np.empty(0, np.int64)
        own = scores[np.arange(len(scores)), self.label][:, None]
        earlier = np.arange(self.classes) < self.label[:, None]
        rank = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)  # of equals the first is said, as by argmax
        loss = -np.log(np.clip(own[:, 0].astype(np.float64), _SMALLEST, None))
        self._per_row = np.stack([rank < 1, rank < 2, rank < 3, loss], axis=1).astype(np.float64)
        self._ranked = [Ranked(self.label == at, scores[:, at]) for at in range(self.classes)]
        right, highest = self.said == self.label, scores.max(axis=1, initial=0.0)
        self._sureness = Ranked(right, highest)
        self._bins = tenths(self._sureness, weight)
        self._error = self._sureness.label - self._sureness.scores.astype(np.float64)

    def __call__(self, weights: Weights) -> dict[str, np.ndarray]:
        """Return every metric per draw, NaN where it cannot be computed."""
        whole = weights.sum(axis=1)
        means = divided(weights @ self._per_row, whole[:, None])
        each = self.each(weights)
        sure = self._sureness.sorted(weights) * self._error
        error = np.abs(np.add.reduceat(sure, self._bins, axis=1)).sum(axis=1) if len(self._bins) else 0.0 * whole
        there = each["rows"] > 0
        return {
            "accuracy": means[:, 0],
            "balanced_accuracy": _mean_of(each["recall"], there),
            "top_2_accuracy": means[:, 1],
            "top_3_accuracy": means[:, 2],
            "log_loss": means[:, 3],
            "calibration_error": divided(error, whole),
            "macro_auc": _mean_of(each["auc"], ~np.isnan(each["auc"])),
            "macro_average_precision": _mean_of(each["average_precision"], ~np.isnan(each["average_precision"])),
            "macro_precision": _mean_of(np.nan_to_num(each["precision"]), there),
            "macro_f1": _mean_of(each["f1"], there),
        }

    def each(self, weights: Weights) -> dict[str, np.ndarray]:
        """Return what is told of every class apart: float64 [draws, classes] by name; `rows` are sums of weights."""
        right = self.said == self.label
        sums = {"right": (self.label, right), "was": (self.label, None), "said": (self.said, None)}
        counted = {}
        for name, (of, only) in sums.items():
            chosen, kept = (of, weights) if only is None else (of[only], weights[:, only])
            counted[name] = np.stack([np.bincount(chosen, row, self.classes) for row in kept])
        found = [ranked.sums(weights) for ranked in self._ranked]
        return {
            "rows": counted["was"],
            "auc": np.stack([one.auc() for one in found], axis=1),
            "average_precision": np.stack([one.average_precision() for one in found], axis=1),
            "precision": divided(counted["right"], counted["said"]),
            "recall": divided(counted["right"], counted["was"]),
            "f1": divided(2 * counted["right"], counted["was"] + counted["said"]),
        }


def of_classes(
    label: np.ndarray, scores: np.ndarray, names: Sequence[str], weight: np.ndarray | None = None
) -> dict[str, Any]:
    """Return rows, accuracy, log loss, and over the classes the means of AUC (one against the rest), F1 and others.

    `label` is float32 [rows], the number of a class; `scores` float32 [rows, classes]; `weight` what a row counts for,
    float32 [rows]. The means are over the classes that have them, of precision and F1 over those that have rows;
    `top_3_accuracy` is how often the class was among the three likeliest. The calibration error is that of the highest
    score against whether it was right. `classes` has each class apart, `confusion` a row per class that was, a column
    per class that was said.

    >>> scores = np.array([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8]])
    >>> found = of_classes(np.array([0, 1, 1]), scores, ["a", "b"])
    >>> found["macro_auc"], found["confusion"]
    (1.0, [[1, 0], [1, 1]])
    """
    measure = ClassMetrics(label, scores, weight)
    confusion = np.zeros((len(names), len(names)), np.int64 if weight is None else np.float64)
    np.add.at(confusion, (measure.label, measure.said), 1 if weight is None else weight.astype(np.float64))
    weights = one_draw(len(label), weight)
    each = measure.each(weights)
    classes = [
        {
            "class": name,
            "rows": int((measure.label == at).sum()),
            **{metric: plain(values[0, at]) for metric, values in each.items() if metric != "rows"},
        }
        for at, name in enumerate(names)
    ]
    return {
        **rows_facts(label, weight),
        **{name: plain(value[0]) for name, value in measure(weights).items()},
        "classes": classes,
        "confusion": confusion.tolist(),
    }


def curves(
    label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None, names: Sequence[str] = ()
) -> dict[str, Any]:
    """Return calibration and histogram of the highest score, against whether it was right; and of classes, curves.

    Takes what `of_classes` does. Each of the largest classes that are not all of the rows has ROC and precision-recall
    curve against the rest.
    """
    highest = scores.max(axis=1)
    right = (scores.argmax(axis=1) == label).astype(np.float32)
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    counts = {name: np.histogram(highest[right == value], edges)[0].tolist() for value, name in enumerate(_RIGHT)}
    sizes = [rows_sum(label, weight, label == at) for at in range(len(names))]
    drawn = sorted((at for at, size in enumerate(sizes) if 0 < size < sum(sizes)), key=lambda at: -sizes[at])
    return {
        "calibration": calibration(right, highest, weight),
        "score_histogram": {"edges": edges.tolist(), "counts": counts},
        "classes": [
            {"class": names[at], **against_rest(Ranked(label == at, scores[:, at]), weight)}
            for at in sorted(drawn[:_MOST_CURVES])
        ],
    }


def _mean_of(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the mean over the classes that are there, per draw: float64 [draws]."""
    return divided(np.where(there, np.nan_to_num(values), 0.0).sum(axis=1), there.sum(axis=1))
