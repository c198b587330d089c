"""Metrics of a regression's scores, as plain JSON values: numbers that cannot be computed are None, never NaN."""

from typing import Any

import numpy as np

from models.measures.metrics import calibration, rows_facts
from models.measures.ranked import Weights, divided, one_draw, plain

QUANTILE, TWEEDIE_POWER = 0.5, 1.5

_BINS = 20
_SHARES = np.linspace(0.0, 1.0, 21)


class NumberMetrics:
    """The metrics of some rows whatever they count for: called with weights [draws, rows], float64 [draws] by name.

    `label` and `scores` are float32 [rows]; `quantile` is that of the pinball loss, `power` that of the Tweedie
    deviance, between 1 and 2.
    """

    def __init__(self, label: np.ndarray, scores: np.ndarray, quantile: float = QUANTILE, power: float = TWEEDIE_POWER):
        label, scores = np.asarray(label, np.float64), np.asarray(scores, np.float64)
        error = label - scores
        absolute = np.abs(error)
        self._order = np.argsort(absolute)
        self._sorted = absolute[self._order]
        self._middle = label.mean() if len(label) else 0.0  # squares of large numbers would lose their differences
        about = label - self._middle
        pinball = np.where(error >= 0, quantile * error, (quantile - 1) * error)
        self._per_row = np.stack(
            [label, scores, error**2, absolute, pinball, about, about**2, *_deviances(label, scores, power)], axis=1
        )

    def __call__(self, weights: Weights) -> dict[str, np.ndarray]:
        """Return every metric per draw, NaN where it cannot be computed."""
        label, score, error, absolute, pinball, about, square, poisson, tweedie = divided(
            weights @ self._per_row, weights.sum(axis=1)[:, None]
        ).T
        spread = square - about**2
        spread[spread <= 1e-12 * square] = 0.0  # all labels equal, but for rounding
        return {
            "label_mean": label,
            "score_mean": score,
            "rmse": np.sqrt(error),
            "mae": absolute,
            "median_absolute_error": self._median(weights),
            "r2": 1 - divided(error, spread),
            "pinball": pinball,
            "poisson_deviance": poisson,
            "tweedie_deviance": tweedie,
        }

    def _median(self, weights: Weights) -> np.ndarray:
        """Return the weighted median of the absolute errors; in the middle between two, their mean."""
        if not len(self._sorted):
            return np.full(len(weights), np.nan)
        sums = np.cumsum(weights[:, self._order], axis=1)
        half = sums[:, -1:] / 2
        low, high = (sums >= half).argmax(axis=1), (sums > half).argmax(axis=1)
        return np.where(sums[:, -1] > 0, (self._sorted[low] + self._sorted[high]) / 2, np.nan)


def of_numbers(
    label: np.ndarray,
    scores: np.ndarray,
    weight: np.ndarray | None = None,
    quantile: float = QUANTILE,
    power: float = TWEEDIE_POWER,
) -> dict[str, Any]:
    """Return rows, RMSE, MAE, R2 and others: an R2 of 1 is perfect, 0 as good as the mean label, less is worse.

    `label` and `scores` are float32 [rows]; `weight` is what a row counts for, float32 [rows]. `pinball` is the loss of
    the `quantile` (at 0.5 half the MAE). The deviances (twice what the log-likelihood lacks of a perfect model's) are
    those of counts and of amounts that are often 0: None where a label is below 0 or a score not above it.

    >>> found = of_numbers(np.array([1.0, 3.0]), np.array([2.0, 3.0]))
    >>> found["mae"], found["r2"]
    (0.5, 0.5)
    """
    found = NumberMetrics(label, scores, quantile, power)(one_draw(len(label), weight))
    return {**rows_facts(label, weight), **{name: plain(value[0]) for name, value in found.items()}}


def curves(label: np.ndarray, scores: np.ndarray, weight: np.ndarray | None = None) -> dict[str, Any]:
    """Return calibration, histogram and quantiles of the errors, score less label; takes what `of_numbers` does."""
    errors = scores.astype(np.float64) - label.astype(np.float64)
    if weight is None:
        quantiles = np.quantile(errors, _SHARES)
    else:
        counted = weight > 0
        quantiles = np.quantile(errors[counted], _SHARES, weights=weight[counted], method="inverted_cdf")
    counts, edges = np.histogram(errors, _BINS, weights=weight)
    return {
        "calibration": calibration(label, scores, weight),
        "error_histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        "error_quantiles": {"share": _SHARES.tolist(), "error": quantiles.tolist()},
    }


def _deviances(label: np.ndarray, scores: np.ndarray, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what each row adds to the Poisson and the Tweedie deviance, NaN if they are of no such numbers."""
    if len(label) and (label.min() < 0 or scores.min() <= 0):
        return np.full(len(label), np.nan), np.full(len(label), np.nan)
    ratio = np.divide(label, scores, out=np.ones(len(label)), where=label > 0)
    poisson = 2 * (label * np.log(ratio) - label + scores)
    up, down = 2 - power, 1 - power
    tweedie = 2 * (label**up / (down * up) - label * scores**down / down + scores**up / up)
    return poisson, tweedie
