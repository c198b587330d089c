"""Where parameters are looked for: by model, how a trial draws them, and which metrics they are judged by."""

import dataclasses
from collections.abc import Callable, Mapping

import optuna

from benchmarks.published.product import Choice
from models.spec import Parameter

Draw = Callable[[optuna.Trial], Choice]


@dataclasses.dataclass(frozen=True)
class Space:
    """A search: how a trial draws, how many there are, and the published figures of the metrics that judge.

    A trial is worth the sum of its metrics, each over its published figure.
    """

    draw: Draw
    trials: int
    published: Mapping[str, float]


def trees(trial: optuna.Trial, most_rounds: int) -> Choice:
    """Draw the parameters of boosted trees, and how many."""
    reals = {
        "eta": trial.suggest_float("eta", 0.02, 0.3, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 1, 30, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1.0),
        "lambda": trial.suggest_float("lambda", 0.5, 20, log=True),
    }
    depth = trial.suggest_int("max_depth", 2, 8)
    rounds = trial.suggest_int("rounds", 25, most_rounds, log=True)
    return Choice({"max_depth": depth, **{name: float(f"{value:.3g}") for name, value in reals.items()}}, rounds)


def network(trial: optuna.Trial) -> Choice:
    """Draw the parameters of a network; the handbook's grid has 500 units, one or two layers, dropout to 0.4."""
    size = trial.suggest_categorical("size", [64, 128, 256, 500])
    layers = trial.suggest_int("layers", 1, 2)
    parameters: dict[str, Parameter] = {
        "layers": (size,) * layers,
        "dropout": trial.suggest_categorical("dropout", [0.0, 0.2, 0.4]),
        "learning_rate": float(f"{trial.suggest_float('learning_rate', 3e-4, 3e-3, log=True):.3g}"),
        "weight_decay": trial.suggest_categorical("weight_decay", [0.0, 0.01]),
    }
    return Choice(parameters, trial.suggest_int("rounds", 4, 20, log=True), "keras")
