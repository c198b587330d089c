"""A spec's loss as XGBoost has it: objective, metrics, where rows begin; and the focal loss, which it lacks."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xgboost

from models.families.team import ALONE, Team
from models.losses import EXPONENTIAL, Focal, loss_of
from models.spec import WEIGHT, ModelSpec
from models.tasks import BINARY, MULTICLASS, RANKING, REGRESSION
from schemas.errors import InputError
from schemas.nearest import did_you_mean

FOCAL = "focal"
"""The name of the focal loss among the metrics."""

# By the loss of a task: XGBoost's objective, and its metrics on the eval split, the last of which stops the training.
_OBJECTIVES: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    (BINARY, "LogLoss"): ("binary:logistic", ("auc", "logloss")),
    (BINARY, "Focal"): ("binary:logistic", ("auc", "logloss", FOCAL)),
    (MULTICLASS, "LogLoss"): ("multi:softprob", ("merror", "mlogloss")),
    (REGRESSION, "Squared"): ("reg:squarederror", ("mae", "rmse")),
    (REGRESSION, "Absolute"): ("reg:absoluteerror", ("rmse", "mae")),
    (REGRESSION, "Quantile"): ("reg:quantileerror", ("mae", "quantile")),
    (REGRESSION, "Poisson"): ("count:poisson", ("mae", "rmse", "poisson-nloglik")),
    (REGRESSION, "Tweedie"): ("reg:tweedie", ("mae", "rmse", "tweedie-nloglik@{power}")),
    (REGRESSION, "Gamma"): ("reg:gamma", ("mae", "rmse", "gamma-nloglik")),
    (RANKING, "NDCG"): ("rank:ndcg", ("ndcg@10", "ndcg")),
    (RANKING, "Pairwise"): ("rank:pairwise", ("ndcg@10", "ndcg")),
}
_STOP_BY: Mapping[str, tuple[str, ...]] = {
    BINARY: ("auc", "aucpr", "logloss", "error"),
    MULTICLASS: ("merror", "mlogloss", "auc", "aucpr"),
    REGRESSION: ("rmse", "mae", "mape"),
    RANKING: ("ndcg", "map", "pre"),
}
_AT = re.compile(r"@[1-9]\d{0,3}")
_LEAST_SECOND = 1e-16  # as of XGBoost's own log loss: a leaf without a second derivative would be infinite


def objective_of(spec: ModelSpec) -> str:
    """Return the name of XGBoost's objective for a spec's loss."""
    return _OBJECTIVES[spec.task, loss_of(spec.task, spec.loss).name][0]


def metrics_of(spec: ModelSpec) -> list[str]:
    """Return the metrics on the eval split, the one that stops last; raises `InputError` for a `stop_by` of no metric.

    >>> metrics_of(ModelSpec(stop_by="aucpr"))
    ['auc', 'logloss', 'aucpr']
    """
    loss = loss_of(spec.task, spec.loss)
    found = [name.format(**dataclasses.asdict(loss)) for name in _OBJECTIVES[spec.task, loss.name][1]]
    if spec.stop_by is None:
        return found
    known = list(dict.fromkeys([*found, *_STOP_BY[spec.task]]))
    plain = _AT.sub("", spec.stop_by) if spec.task == RANKING else spec.stop_by
    if spec.stop_by not in known and plain not in _STOP_BY[spec.task]:
        at = ", each with @ and a number, as ndcg@5," if spec.task == RANKING else ""
        raise InputError(
            f"model: stop_by is {spec.stop_by!r:.60}, wanted one of {', '.join(known)}{at} of task {spec.task} with "
            f"loss {loss.name}{did_you_mean(spec.stop_by, known)}"
        )
    return [*(name for name in found if name not in (spec.stop_by, FOCAL)), spec.stop_by]


def loss_parameters(spec: ModelSpec) -> dict[str, Any]:
    """Return the parameters of XGBoost that a spec's loss sets besides the objective."""
    loss = loss_of(spec.task, spec.loss)
    values = dataclasses.asdict(loss)
    if spec.task == RANKING:
        return {} if values["gain"] == EXPONENTIAL else {"ndcg_exp_gain": False}
    names = {"Quantile": {"quantile_alpha": "level"}, "Tweedie": {"tweedie_variance_power": "power"}}
    return {parameter: values[field] for parameter, field in names.get(loss.name, {}).items()}


def is_balanced(spec: ModelSpec) -> bool:
    """Say whether the rarer label of a binary task weighs as much as the other."""
    return spec.task == BINARY and not isinstance(loss_of(spec.task, spec.loss), Focal) and spec.balance == WEIGHT


def base_score_of(spec: ModelSpec, label: np.ndarray, weight: np.ndarray | None, team: Team = ALONE) -> float:
    """Return what a row's score is before any tree: that constant which makes the loss of the labels smallest.

    `label` and `weight` are float32 [rows], of a team those of this worker's part; the constant is that of all parts.
    Of the focal loss it is the share of label 1, of a ranking 0; classes, and labels that are balanced by weight, begin
    in the middle. Only a median or another quantile needs the labels of all parts, a mean their sums.
    """
    if spec.task == RANKING:
        return 0.0
    if spec.task == MULTICLASS or is_balanced(spec):
        return 0.5
    name = loss_of(spec.task, spec.loss).name
    if name in ("Absolute", "Quantile"):
        label, weight = _of_all_parts(label, weight, team)
        level = dataclasses.asdict(loss_of(spec.task, spec.loss)).get("level", 0.5)
        counted = label if weight is None else label[weight > 0]
        of_counted = None if weight is None else weight[weight > 0]
        return float(np.quantile(counted, level, weights=of_counted, method="inverted_cdf"))
    if team.workers == 1:
        return float(np.average(label.astype(np.float64), weights=weight))
    counts = np.ones(len(label)) if weight is None else weight.astype(np.float64)
    labels, rows = team.total([float(counts @ label.astype(np.float64)), float(counts.sum())])
    return labels / rows


def _of_all_parts(label: np.ndarray, weight: np.ndarray | None, team: Team) -> tuple[np.ndarray, np.ndarray | None]:
    if team.workers == 1:
        return label, weight
    parts = team.gathered((label, weight))
    weights = [weight for _, weight in parts if weight is not None]
    return np.concatenate([label for label, _ in parts]), np.concatenate(weights) if weights else None


_Gradient = tuple[np.ndarray, np.ndarray]


def functions_of(spec: ModelSpec) -> dict[str, Callable[..., Any]]:
    """Return what `xgboost.train` is given for a loss that XGBoost does not have."""
    loss = loss_of(spec.task, spec.loss)
    if not isinstance(loss, Focal):
        return {}
    gamma, alpha = float(loss.gamma), float(loss.alpha)

    def gradient(margin: np.ndarray, rows: xgboost.DMatrix) -> _Gradient:
        return weighted(focal_gradient(margin, rows.get_label(), gamma, alpha), rows.get_weight())

    def mean_loss(margin: np.ndarray, rows: xgboost.DMatrix) -> tuple[str, float]:
        weight = rows.get_weight()
        losses = focal_losses(margin, rows.get_label(), gamma, alpha)
        return FOCAL, float(np.average(losses, weights=weight if len(weight) else None))

    last = metrics_of(spec)[-1] == FOCAL
    return {"obj": gradient} | ({"custom_metric": mean_loss} if last else {})


def focal_losses(margin: np.ndarray, label: np.ndarray, gamma: float, alpha: float) -> np.ndarray:
    """Return the focal loss of every row, float64 [rows]; `margin` is in log-odds, `label` 0 or 1.

    >>> focal_losses(np.array([0.0]), np.array([1.0]), 0.0, 0.5).round(4).tolist()
    [0.3466]
    """
    toward = np.where(label == 1, margin, -margin).astype(np.float64)
    factor = np.where(label == 1, alpha, 1.0 - alpha)
    return factor * _chance(-toward) ** gamma * np.logaddexp(0.0, -toward)


def focal_gradient(margin: np.ndarray, label: np.ndarray, gamma: float, alpha: float) -> _Gradient:
    """Return first and second derivative of the focal loss by the margin, float64 [rows] each.

    Where the loss is not convex, far on the wrong side, the second one is a small number above 0.
    """
    sign = np.where(label == 1, 1.0, -1.0)
    toward = sign * margin.astype(np.float64)
    factor = np.where(label == 1, alpha, 1.0 - alpha)
    own, other, log_own = _chance(toward), _chance(-toward), -np.logaddexp(0.0, -toward)
    scale = factor * other**gamma
    first = sign * scale * (gamma * own * log_own - other)
    second = scale * own * (gamma * log_own * (other - gamma * own) + other * (2 * gamma + 1))
    return first, np.maximum(second, _LEAST_SECOND)


def weighted(gradient: _Gradient, weight: np.ndarray) -> _Gradient:
    """Return derivatives times the rows' weights, as XGBoost takes them; no weights are 1 each."""
    first, second = gradient
    if not len(weight):
        return first.astype(np.float32), second.astype(np.float32)
    return (first * weight).astype(np.float32), (second * weight).astype(np.float32)


def _chance(log_odds: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -log_odds))
