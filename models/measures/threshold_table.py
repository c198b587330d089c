"""What a binary model does at every threshold: the table to choose one by, gain and lift, and the cost curve."""

from typing import Any

import numpy as np

from models.costs import Costs
from models.measures.ranked import Ranked, Sums, divided, one_draw, plain

_STEPS = np.arange(1, 100) / 100
_SHARES = (0.001, 0.002, 0.005, *(at / 100 for at in (1, 2, 3, 4, 5, 7.5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 90)))
_GAIN_SHARES = (0.0, 0.001, 0.002, 0.005, *(at / 100 for at in range(1, 101)))


def threshold_table(
    ranked: Ranked, threshold: float, weight: np.ndarray | None = None, costs: Costs | None = None
) -> dict[str, Any]:
    """Return columns of equal length: thresholds, ascending, and what is selected and found at each.

    There is one at every hundredth, one at which each of some shares of the rows is selected (of rare positives, every
    hundredth may select none), and the model's own, which is `chosen`. A row at the threshold is selected.

    >>> table = threshold_table(Ranked(np.array([True, False]), np.array([0.75, 0.25])), 0.5)
    >>> at = table["threshold"].index(0.5)
    >>> table["selected"][at], table["recall"][at]
    (0.5, 1.0)
    """
    rows = len(ranked.scores)
    of_shares = [float(ranked.scores[min(rows - 1, int(share * rows))]) for share in _SHARES] if rows else []
    thresholds = sorted({threshold, *_STEPS.tolist(), *of_shares})
    sums = ranked.sums(one_draw(rows, weight))
    true, false = _down_to(sums, [ranked.selected(one) for one in thresholds])
    positives, negatives = float(sums.positives[0]), float(sums.negatives[0])
    missed, right_no, whole = positives - true, negatives - false, positives + negatives
    counted = {"true_positive": true, "false_positive": false, "true_negative": right_no, "false_negative": missed}
    columns = {
        "selected": divided(true + false, np.full_like(true, whole)),
        **counted,
        "precision": divided(true, true + false),
        "recall": divided(true, np.full_like(true, positives)),
        "f1": divided(2 * true, 2 * true + false + missed),
        "accuracy": divided(true + right_no, np.full_like(true, whole)),
    }
    if costs is not None:
        columns["cost"] = divided(costs.of(true, false, right_no, missed), np.full_like(true, whole))
    return {
        "chosen": threshold,
        "threshold": thresholds,
        **{name: [plain(value) for value in values] for name, values in columns.items()},
    }


def gain(ranked: Ranked, weight: np.ndarray | None = None) -> dict[str, list[float | None]]:
    """Return, by the share of rows with the highest scores, which share of the positives is among them, and the lift.

    The lift is how much oftener one of these rows is positive than any row.

    >>> gain(Ranked(np.array([True, False]), np.array([0.75, 0.25])))["recall"][-51:-49]
    [1.0, 1.0]
    """
    sums = ranked.sums(one_draw(len(ranked.scores), weight))
    recall = [plain(value) for value in sums.gain(np.array(_GAIN_SHARES))[0]]
    lift = [one / share if one is not None and share else None for one, share in zip(recall, _GAIN_SHARES, strict=True)]
    return {"share": list(_GAIN_SHARES), "recall": recall, "lift": lift}


def _down_to(sums: Sums, rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
    found = [sums.down_to(most) for most in rows]
    return np.array([true[0] for true, _ in found]), np.array([false[0] for _, false in found])
