"""What trials are compared by: a metric of evaluation, which way it is better, and the sign of it while one trains."""

from collections.abc import Mapping

from models.metric import Metric
from models.spec import ModelSpec
from models.tasks import UNRANKED
from models.training.training_set import TrainingSet
from schemas.errors import UsageError
from schemas.nearest import did_you_mean

# What families call metrics that they measure while they train, of which more is better.
_GAINS = ("auc", "aucpr", "ndcg", "map", "pre", "accuracy", "acc", "average_precision", "r2")


def check_metric(metric: str, spec: ModelSpec) -> None:
    """Raise `UsageError` for a metric that models of the spec's task cannot be compared by."""
    known = [name for name in spec.metric_names if name not in UNRANKED]
    if metric not in known:
        near = did_you_mean(metric, known)
        raise UsageError(f"--metric is {metric!r}, wanted one of {', '.join(known)} of task {spec.task}{near}")


def own_metric(metric: str, spec: ModelSpec) -> Metric | None:
    """Return the use case's own metric of a name, None if it is one of ours."""
    return next((one for one in spec.metrics if one.name == metric), None)


def check_columns(metric: Metric, training_set: TrainingSet) -> None:
    """Raise `UsageError` if a training set does not carry the raw columns that an own metric gets."""
    if gone := [name for name in metric.columns if name not in training_set.metric_columns]:
        raise UsageError(
            f"{training_set.path}: carries no column {gone[0]!r}, which metric {metric.name!r} gets; build the "
            "training set again"
        )


def signal(metric: str, less_is_better: bool, heard: Mapping[str, float]) -> float | None:
    """Return how good a model is in the middle of its training, in the direction of the metric; None if nothing says.

    `heard` are the family's own metrics after a round. The one of the metric's name says it, or else the last one,
    which stops the training, turned round where less of it is better and more of the metric, or the other way.

    >>> heard = {"auc": 0.9, "logloss": 0.25}
    >>> signal("log_loss", True, heard), signal("average_precision", False, heard)
    (0.25, -0.25)
    >>> signal("ndcg_at_10", False, {"ndcg@10": 0.5, "ndcg@5": 0.75}), signal("ndcg", False, {"map@5": 0.75})
    (0.5, 0.75)
    """
    by_name = {_plain(name): value for name, value in heard.items()}
    if _plain(metric) in by_name:
        return by_name[_plain(metric)]
    if not heard:
        return None
    name, value = list(heard.items())[-1]
    return value if (name.partition("@")[0] not in _GAINS) == less_is_better else -value


def _plain(name: str) -> str:
    return name.replace("_at_", "@").replace("_", "").lower()
