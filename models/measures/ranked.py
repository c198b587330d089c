"""Rows in the order of their scores: what AUC, average precision and every threshold are read off.

One sort serves all of them. Rows of equal scores have no order among themselves, so sums are looked at only where a
score ends. Weights come as a matrix, a row per draw: the value of a metric is its value for one draw, the rows' own
weights, and a bootstrap gives many at once.
"""

import numpy as np

Weights = np.ndarray
"""What every row counts for, in every draw: float64 [draws, rows]."""


class Ranked:
    """Rows by descending score; `label` is bool [rows], `scores` float [rows], in the order in which they came."""

    def __init__(self, label: np.ndarray, scores: np.ndarray):
        falls = len(scores) < 2 or bool((scores[:-1] >= scores[1:]).all())
        self.order = None if falls else np.argsort(-scores)  # None: they came in order
        self.scores = scores if self.order is None else scores[self.order]
        self.label = label if self.order is None else label[self.order]
        self.ends = np.flatnonzero(np.append(self.scores[1:] != self.scores[:-1], len(scores) > 0))
        """Where the last row of each different score is."""

    def sorted(self, weights: Weights) -> Weights:
        """Return weights in the order of the rows here."""
        return weights if self.order is None else weights[:, self.order]

    def sums(self, weights: Weights) -> "Sums":
        """Return what rows count for down to each row, for weights that come in the order in which rows came."""
        ours = self.sorted(weights)
        return Sums(self, np.cumsum(ours * self.label, axis=1), np.cumsum(ours * ~self.label, axis=1))

    def selected(self, threshold: float) -> int:
        """Return how many rows are at and above a threshold."""
        return len(self.scores) - int(np.searchsorted(self.scores[::-1], threshold, side="left"))


class Sums:
    """What the positive and the negative rows down to each row count for: float64 [draws, rows] each."""

    def __init__(self, ranked: Ranked, positive: np.ndarray, negative: np.ndarray):
        self._ends = ranked.ends
        self._positive, self._negative = positive, negative
        self.positives, self.negatives = self.down_to(len(ranked.label))

    def down_to(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what the positive and the negative of the first rows count for: float64 [draws] each."""
        if not rows:
            nothing = np.zeros(len(self._positive))
            return nothing, nothing
        return self._positive[:, rows - 1], self._negative[:, rows - 1]

    def at_ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Return true and false positives where each different score is the threshold: float64 [draws, scores]."""
        if len(self._ends) == self._positive.shape[1]:
            return self._positive, self._negative
        return self._positive[:, self._ends], self._negative[:, self._ends]

    def auc(self) -> np.ndarray:
        """Return the area under the ROC curve, by trapezoids, NaN without both labels: float64 [draws]."""
        true, false = self.at_ends()
        area = (np.diff(false, axis=1, prepend=0.0) * (true - 0.5 * np.diff(true, axis=1, prepend=0.0))).sum(axis=1)
        return divided(area, self.positives * self.negatives)

    def average_precision(self) -> np.ndarray:
        """Return the mean of the precisions at each score, by the recall it adds, NaN without both labels.

        float64 [draws].
        """
        true, false = self.at_ends()
        found = true + false
        precision = np.divide(true, found, out=np.zeros_like(true), where=found > 0)
        area = (np.diff(true, axis=1, prepend=0.0) * precision).sum(axis=1)
        return np.where(self.negatives > 0, divided(area, self.positives), np.nan)

    def gain(self, shares: np.ndarray) -> np.ndarray:
        """Return which share of the positives is among each of these shares of rows, those with the highest scores.

        float64 [draws, shares]. Rows of one score count in proportion, as if they stood in any order.
        """
        true, false = self.at_ends()
        whole = self.positives + self.negatives
        if not true.shape[1]:
            return np.full((len(true), len(shares)), np.nan)
        reached = np.empty((len(true), len(shares)))
        for draw, (positive, negative) in enumerate(zip(true, false, strict=True)):
            found, wanted = positive + negative, shares * whole[draw]
            first = wanted < found[0]  # within the rows of the highest score
            within = wanted / found[0] * positive[0] if found[0] else 0.0 * wanted
            reached[draw] = np.where(first, within, np.interp(wanted, found, positive))
        return divided(reached, self.positives[:, None])


def divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return parts of wholes, NaN of nothing.

    >>> divided(np.array([1.0, 1.0]), np.array([2.0, 0.0])).tolist()
    [0.5, nan]
    """
    wholes = np.broadcast_to(np.asarray(whole, np.float64), np.shape(part))
    return np.divide(part, wholes, out=np.full(np.shape(part), np.nan), where=wholes > 0)


def one_draw(rows: int, weight: np.ndarray | None) -> Weights:
    """Return the rows' own weights (float32 [rows], None where all count for 1) as one draw."""
    return np.ones((1, rows)) if weight is None else weight.astype(np.float64)[None]


def plain(value: float) -> float | None:
    """Return a number as JSON has it, None for NaN."""
    return None if np.isnan(value) else float(value)
