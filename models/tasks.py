"""Tasks: what a model may predict, and what an evaluation measures of each.

| task | a row's label | a row's score |
|---|---|---|
| `binary` | 0 or 1 | the chance of label 1, and by the threshold a label |
| `multiclass` | the number of one of the spec's `classes`, from 0 | a chance for every class, and the likeliest one |
| `regression` | any finite number | the number that is expected |
| `ranking` | how relevant the row is to its query, 0 or more | a number that orders the rows of a query |
"""

from collections.abc import Mapping

BINARY, MULTICLASS, REGRESSION, RANKING = "binary", "multiclass", "regression", "ranking"
TASKS = (BINARY, MULTICLASS, REGRESSION, RANKING)

METRICS_OF: Mapping[str, tuple[str, ...]] = {
    BINARY: (
        *("auc", "average_precision", "f1", "precision", "recall", "accuracy", "brier", "calibration_error"),
        *("label_mean", "score_mean", "threshold", "log_loss", "lift_at_10", "rows"),
    ),
    MULTICLASS: (
        *("accuracy", "balanced_accuracy", "top_2_accuracy", "top_3_accuracy", "calibration_error"),
        *("macro_auc", "macro_average_precision", "macro_precision", "macro_f1", "log_loss", "rows"),
    ),
    REGRESSION: (
        *("rmse", "mae", "median_absolute_error", "r2", "pinball", "poisson_deviance", "tweedie_deviance"),
        *("label_mean", "score_mean", "rows"),
    ),
    RANKING: ("ndcg", "ndcg_at_10", "queries", "rows"),
}
"""Numbers that an evaluation gives, by task; a gate can be on each."""
METRICS = tuple(dict.fromkeys(name for names in METRICS_OF.values() for name in names))
COST = "cost"
"""One more of a binary task whose spec has costs."""
DIFFERENCE, RATIO = "difference", "ratio"
FAIRNESS_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
FAIRNESS = tuple(f"{rate}_{apart}" for rate in FAIRNESS_RATES for apart in (DIFFERENCE, RATIO))
"""How far the decisions of a binary model are apart over the values of a slice; a gate of that slice can be on each."""
NOT_METRICS = (COST, "weight", "confusion", "classes", "value", "calibrated", *FAIRNESS)
"""Other names in an evaluation, which no metric of one's own has."""

SHARES = (
    *("auc", "average_precision", "f1", "precision", "recall", "accuracy", "threshold", "brier", "calibration_error"),
    *("macro_auc", "macro_average_precision", "macro_precision", "macro_f1"),
    *("balanced_accuracy", "top_2_accuracy", "top_3_accuracy"),
    *("ndcg", "ndcg_at_10"),
)
"""Those that are from 0 to 1 in every task that has them."""
MEANS = ("label_mean", "score_mean")
"""From 0 to 1 of a binary label, any number of a regression."""
SIGNED = (*MEANS, "r2")
"""Those that may be negative."""
UNRANKED = (*MEANS, "threshold", "queries", "rows")
"""Those of which neither more nor less is better."""
LOWER_IS_BETTER = (
    *("log_loss", "brier", "calibration_error", COST, "rmse", "mae", "median_absolute_error", "pinball"),
    *("poisson_deviance", "tweedie_deviance"),
)
