"""Which metrics a page shows first, what people call them, and in which direction they are better."""

from collections.abc import Mapping

from beam_jobs.reports.sets.wording import text
from models.tasks import BINARY, COST, LOWER_IS_BETTER, METRICS, MULTICLASS, RANKING, REGRESSION, UNRANKED

HEADLINES: Mapping[str, tuple[str, ...]] = {
    BINARY: ("auc", "average_precision", "log_loss", "brier", "calibration_error", "f1", "precision", "recall", "cost"),
    MULTICLASS: ("accuracy", "balanced_accuracy", "macro_auc", "macro_f1", "log_loss", "calibration_error"),
    REGRESSION: ("rmse", "mae", "median_absolute_error", "r2"),
    RANKING: ("ndcg", "ndcg_at_10"),
}
MAIN: Mapping[str, str] = {BINARY: "auc", MULTICLASS: "accuracy", REGRESSION: "mae", RANKING: "ndcg"}
"""The metric whose interval is drawn per value of a slice."""
_NAMES = {
    "auc": "AUC",
    "f1": "F1",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R2",
    "brier": "Brier score",
    "macro_auc": "macro AUC",
    "macro_f1": "macro F1",
    "lift_at_10": "lift in the highest tenth",
}


def name_of(metric: str) -> str:
    """Return what people call a metric; one of a use case's own has its own name.

    >>> name_of("macro_auc"), name_of("log_loss")
    ('macro AUC', 'log loss')
    """
    return _NAMES.get(metric) or text(metric.replace("_", " "))


def better(metric: str, difference: float | None, higher_is_better: bool | None = None) -> str:
    """Return whether a difference is for the better: `better`, `worse`, or nothing that can be said.

    Of a metric of a use case's own, `higher_is_better` says in which direction; None does not.

    >>> better("auc", 0.01), better("log_loss", 0.01), better("rows", 5), better("saved", 5, True)
    ('better', 'worse', '', 'better')
    """
    if metric in (*METRICS, COST):
        higher_is_better = None if metric in UNRANKED else metric not in LOWER_IS_BETTER
    if not difference or higher_is_better is None:
        return ""
    return "better" if (difference > 0) == higher_is_better else "worse"
