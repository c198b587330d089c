"""Metrics of binary scores, as plain JSON values: numbers that cannot be computed are None, never NaN."""

from typing import Any

import numpy as np

from models.costs import Costs
from models.measures.ranked import Ranked, Weights, divided, one_draw, plain

_CURVE_POINTS = 200
_BINS = 20
_CALIBRATION_BINS = 10
_SMALLEST = 1e-7  # float32 scores of exactly 0 or 1 would make the log loss infinite
_TENTH = np.array([0.1])


class ScoreMetrics:
    """The metrics of some rows whatever they count for: called with weights [draws, rows], float64 [draws] by name.

    `label` is float32 [rows], 0 or 1; `scores` float32 [rows]; one at and above the threshold counts as positive.
    `weight` (float32 [rows]), the rows' own, makes the tenths of the calibration error. Without `costs` there is no
    `cost`.
    """

    def __init__(
        self,
        label: np.ndarray,
        scores: np.ndarray,
        threshold: float,
        weight: np.ndarray | None = None,
        costs: Costs | None = None,
    ):
        self.ranked = Ranked(np.asarray(label) == 1, np.asarray(scores, np.float64))
        self._threshold, self._costs = threshold, costs
        label, scores = self.ranked.label.astype(np.float64), self.ranked.scores
        clipped = np.clip(scores, _SMALLEST, 1 - _SMALLEST)
        self._per_row = np.stack(
            [label, scores, -np.log(np.where(self.ranked.label, clipped, 1 - clipped)), (scores - label) ** 2], axis=1
        )
        self._error = label - scores
        self._bins = tenths(self.ranked, weight)

    def __call__(self, weights: Weights) -> dict[str, np.ndarray]:
        """Return every metric per draw, NaN where it cannot be computed."""
        ours, sums = self.ranked.sorted(weights), self.ranked.sums(weights)
        true, false = sums.down_to(self.ranked.selected(self._threshold))
        missed, right_no = sums.positives - true, sums.negatives - false
        whole = sums.positives + sums.negatives
        means = divided(ours @ self._per_row, whole[:, None])
        found = {
            "label_mean": means[:, 0],
            "score_mean": means[:, 1],
            "auc": sums.auc(),
            "average_precision": sums.average_precision(),
            "log_loss": means[:, 2],
            "brier": means[:, 3],
            "calibration_error": self._calibration_error(ours, whole),
            "lift_at_10": sums.gain(_TENTH)[:, 0] / _TENTH[0],
            "accuracy": divided(true + right_no, whole),
            "precision": divided(true, true + false),
            "recall": divided(true, sums.positives),
            "f1": divided(2 * true, 2 * true + false + missed),
        }
        if self._costs is not None:
            found["cost"] = divided(self._costs.of(true, false, right_no, missed), whole)
        return found

    def confusion(self, weight: np.ndarray | None) -> dict[str, float]:
        """Return how many rows are what, or the sums of their weights (float32 [rows])."""
        said, label = np.arange(len(self.ranked.label)) < self.ranked.selected(self._threshold), self.ranked.label
        ours = None if weight is None or self.ranked.order is None else weight[self.ranked.order]
        ours = weight if ours is None else ours
        return {
            "true_positive": rows_sum(label, ours, said & label),
            "false_positive": rows_sum(label, ours, said & ~label),
            "true_negative": rows_sum(label, ours, ~said & ~label),
            "false_negative": rows_sum(label, ours, ~said & label),
        }

    def _calibration_error(self, ours: Weights, whole: np.ndarray) -> np.ndarray:
        if not len(self._bins):
            return np.full(len(ours), np.nan)
        return divided(np.abs(np.add.reduceat(ours * self._error, self._bins, axis=1)).sum(axis=1), whole)


def of_scores(
    label: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    weight: np.ndarray | None = None,
    costs: Costs | None = None,
) -> dict[str, Any]:
    """Return rows, AUC, average precision, log loss, Brier, calibration error, and what follows from the threshold.

    `label` is float32 [rows], 0 or 1; `scores` float32 [rows]; one at and above the threshold counts as positive.
    `weight` is what a row counts for, float32 [rows]; then the confusion matrix has sums of weights. The calibration
    error (expected calibration error, over bins of equal size: Nguyen and O'Connor 2015) is how far the mean label of
    each tenth of the rows, in the order of their scores, is from their mean score; rows of one score stay together.
    `lift_at_10` is how much oftener a row of the tenth with the highest scores is positive than any row. `cost` is the
    mean over the rows, where there are `costs`.

    >>> found = of_scores(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]), 0.5)
    >>> found["auc"], found["confusion"]
    (0.75, {'true_positive': 1, 'false_positive': 1, 'true_negative': 1, 'false_negative': 1})
    """
    return metrics_of(ScoreMetrics(label, scores, threshold, weight, costs), label, threshold, weight)


def metrics_of(measure: ScoreMetrics, label: np.ndarray, threshold: float, weight: np.ndarray | None) -> dict[str, Any]:
    """Return what `of_scores` does of rows that are in order already."""
    found = {name: plain(value[0]) for name, value in measure(one_draw(len(label), weight)).items()}
    return {**rows_facts(label, weight), **found, "threshold": threshold, "confusion": measure.confusion(weight)}


def best_f1_threshold(label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the score at and above which calling rows positive gives the best F1; the lowest of equals.

    Takes what `curves` does.

    >>> best_f1_threshold(np.array([0, 0, 1, 1]), np.array([0.125, 0.5, 0.25, 0.75], np.float32))
    0.25
    """
    ranked = Ranked(np.asarray(label) == 1, np.asarray(scores))
    sums = ranked.sums(one_draw(len(label), weight))
    true, false = (part[0][::-1] for part in sums.at_ends())  # lowest first
    f1 = np.nan_to_num(divided(2 * true, true + false + sums.positives[0]))
    return float(ranked.scores[ranked.ends][::-1][int(np.argmax(f1))])


def curves(label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None) -> dict[str, Any]:
    """Return ROC, precision-recall, calibration (rows in tenths of the scores' order), gain and the score histogram.

    `label` is float32 [rows], 0 and 1, both of them; `scores` float32 [rows]; `weight` is what a row counts for, but
    the histogram has rows.
    """
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    histograms = {str(value): np.histogram(scores[label == value], edges)[0].tolist() for value in (0, 1)}
    return {
        **against_rest(Ranked(label == 1, scores), weight),
        "calibration": calibration(label, scores, weight),
        "score_histogram": {"edges": edges.tolist(), "counts_by_label": histograms},
    }


def against_rest(ranked: Ranked, weight: np.ndarray | None) -> dict[str, Any]:
    """Return ROC and precision-recall curve of one label against the rest; both must be there."""
    sums = ranked.sums(one_draw(len(ranked.label), weight))
    true, false = (np.append(0.0, part[0]) for part in sums.at_ends())
    precision = divided(true, true + false)
    precision[np.isnan(precision)] = 1.0  # of no rows at all, as the field draws it
    recall = true / sums.positives[0]
    return {
        "roc": thinned(false_positive_rate=false / sums.negatives[0], true_positive_rate=recall),
        "precision_recall": thinned(recall=recall, precision=precision),
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


def thinned(**columns: np.ndarray) -> dict[str, list[float]]:
    """Return at most `_CURVE_POINTS` points of a curve, its ends included."""
    length = len(next(iter(columns.values())))
    indices = np.unique(np.linspace(0, length - 1, min(length, _CURVE_POINTS)).round().astype(int))
    return {name: [float(value) for value in column[indices]] for name, column in columns.items()}


def tenths(ranked: Ranked, weight: np.ndarray | None) -> np.ndarray:
    """Return where each tenth of the rows, of what they count for, begins: int [bins]; a score is in one of them."""
    sums = np.cumsum(ranked.sorted(one_draw(len(ranked.label), weight))[0])
    if not len(sums) or not sums[-1]:
        return np.empty(0, np.int64)
    starts = np.append(0, ranked.ends[:-1] + 1)  # of each different score
    before = np.append(0.0, sums[ranked.ends[:-1]])
    cuts = np.searchsorted(before, np.arange(_CALIBRATION_BINS) * sums[-1] / _CALIBRATION_BINS)
    return np.unique(starts[cuts[cuts < len(starts)]])
