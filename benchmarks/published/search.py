"""The search for parameters on validation rows: Optuna's TPE, one trial after the other, so the same ones each time."""

import logging
import statistics
from collections.abc import Mapping, Sequence

import optuna

from benchmarks.published.product import Choice, Rows, measured
from benchmarks.published.spaces import Space
from models.tasks import LOWER_IS_BETTER

_SEED = 1
_log = logging.getLogger(__name__)

ALL = "all"
"""The choice that is best by the sum of all metrics; the others are the best by one of them, by its name."""


def search(sets: Sequence[Rows], space: Space) -> dict[str, Choice]:
    """Return what is best on sets, each model trained on train and eval, and measured on the rows called test there.

    There is one choice for the sum of the metrics, each over its published figure, and where there are several metrics
    one for each of them.
    """
    found: list[tuple[Choice, dict[str, float]]] = []

    def worth(trial: optuna.Trial) -> float:
        choice = space.draw(trial)
        metrics = means(space.published, [measured(one, choice) for one in sets])
        found.append((choice, metrics))
        _log.warning("%d %s %s", trial.number, metrics, choice)
        return total(metrics, space.published)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=_SEED))
    study.optimize(worth, n_trials=space.trials)
    best = {ALL: max(found, key=lambda one: total(one[1], space.published))[0]}
    if len(space.published) > 1:
        best |= {name: max(found, key=lambda one: one[1][name])[0] for name in space.published}
    return best


def means(names: Mapping[str, float], metrics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of every metric over sets."""
    return {name: statistics.fmean(one[name] for one in metrics) for name in names}


def total(metrics: Mapping[str, float], published: Mapping[str, float]) -> float:
    """Return the sum of metrics, each over its published figure; an error counts the other way round.

    >>> total({"auc": 0.5, "mae": 20.0}, {"auc": 0.5, "mae": 10.0})
    -1.0
    """
    return sum((-1 if name in LOWER_IS_BETTER else 1) * metrics[name] / published[name] for name in published)
