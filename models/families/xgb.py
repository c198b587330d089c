"""The family `xgboost`: train boosted trees for a label of any task, load them, score a feature matrix."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xgboost

from models.families.family import FeatureColumns, Split, TrainingRun
from models.families.xgb_description import ESCAPES, FILE, checked_model, describe
from models.families.xgb_parameters import all_parameters, check_parameters, reason
from models.spec import ModelSpec
from models.tasks import BINARY, REGRESSION
from schemas.errors import ArtifactError, InputError

__all__ = [
    "FILE",
    "TrainedBooster",
    "XGBoostModel",
    "check_parameters",
    "describe",
    "load",
    "names_in_model",
    "train",
    "versions",
]


_EVAL = "eval"
_PLAIN = TrainingRun()


@dataclasses.dataclass(frozen=True)
class TrainedBooster:
    """A booster cut to its best round, and how it came about; `history` has eval metrics per round."""

    booster: xgboost.Booster
    rounds: int
    history: Mapping[str, Sequence[float]]
    parameters: Mapping[str, Any]

    def save(self, folder: pathlib.Path) -> None:
        """Write `model.ubj`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_bytes(self.booster.save_raw("ubj"))  # on a full disk XGBoost's own way says a stack


class XGBoostModel:
    """A loaded booster. Safe to call from several threads. `feature_names` are those of `names_in_model`."""

    def __init__(self, booster: xgboost.Booster):
        booster.set_param({"nthread": 1})
        self._booster = booster
        self.feature_names = tuple(booster.feature_names or ())
        self.classes = _classes_of(booster)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return the scores of features float32 [rows, features], where NaN is missing: float32 [rows (, classes)]."""
        return self._booster.inplace_predict(features, validate_features=False)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Return what every feature adds to the log-odds of a row, the bias last: float32 [rows, features + 1].

        `features` are float32 [rows, features]. Of several classes, float32 [rows, classes, features + 1].
        """
        matrix = xgboost.DMatrix(features, feature_names=list(self.feature_names), nthread=1)
        shape = (self.classes,) if self.classes else ()
        added = self._booster.predict(matrix, pred_contribs=True)
        return added.reshape(len(features), *shape, features.shape[1] + 1)


def train(
    spec: ModelSpec, columns: FeatureColumns, train_split: Split, eval_split: Split | None, run: TrainingRun = _PLAIN
) -> TrainedBooster:
    """Train until the last metric of the task on `eval_split` has not improved for `early_stopping_rounds`.

    It is the log loss, or the root of the mean squared error. Of a binary label the rarer one weighs as much as the
    other one, in training and in the metric that stops it; afterwards the weight is taken out of the base score again,
    so that scores are probabilities. A regression begins at the mean. Rows count for their weight. The same data,
    parameters and number of threads give the same bytes. Raises `InputError` for what `check_parameters` raises it, and
    for names of features that XGBoost cannot tell apart. Without `eval_split`, all rounds are trained.
    """
    check_parameters(spec, columns)
    balance = _weight_of_positives(train_split) if spec.task == BINARY else None
    parameters = all_parameters(spec, _mean(train_split) if spec.task == REGRESSION else 0.5)
    history: dict[str, dict[str, list[float]]] = {}
    try:
        booster = xgboost.train(
            parameters,
            _matrix(train_split, balance, columns.names),
            num_boost_round=spec.rounds,
            evals=[] if eval_split is None else [(_matrix(eval_split, balance, columns.names), _EVAL)],
            early_stopping_rounds=None if eval_split is None else spec.early_stopping_rounds,
            evals_result=history,
            verbose_eval=False,
            callbacks=[_Rounds(run)],
        )
    except ValueError as error:  # XGBoostError is one
        raise InputError(f"xgboost: {reason(error)}; look at the model's parameters and features") from None
    rounds = booster.num_boosted_rounds() if eval_split is None else booster.best_iteration + 1
    best = booster[:rounds]
    if balance is not None:
        best.set_param({"base_score": 1.0 / (1.0 + balance)})
        parameters["weight_of_positives"] = balance
    best.set_attr(best_iteration=None, best_score=None)
    return TrainedBooster(best, rounds, history.get(_EVAL, {}), parameters)


def names_in_model(feature_names: Sequence[str]) -> tuple[str, ...]:
    """Return the names by which a booster knows features: as they are, but for characters that XGBoost refuses.

    >>> names_in_model(["age", "age<18"])
    ('age', 'age%3C18')
    """
    return tuple(name.translate(str.maketrans(ESCAPES)) for name in feature_names)


def load(folder: pathlib.Path) -> XGBoostModel:
    """Read `model.ubj` of a folder; raises `ArtifactError` if it does not load."""
    return XGBoostModel(_booster(folder / FILE))


def versions() -> dict[str, str]:
    """Return the version of XGBoost."""
    return {"xgboost": xgboost.__version__}


def _booster(path: pathlib.Path) -> xgboost.Booster:
    """Load a model file; what XGBoost does not check itself is looked at first."""
    data = checked_model(path)
    try:
        return xgboost.Booster(model_file=bytearray(data))
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise ArtifactError(f"{path}: not an XGBoost model: {reason(error)}") from None


def _classes_of(booster: xgboost.Booster) -> int:
    """Return how many classes a booster scores, 0 if it gives one number."""
    config = json.loads(booster.save_config())
    return int(config["learner"]["learner_model_param"]["num_class"])


class _Rounds(xgboost.callback.TrainingCallback):
    """Tells a run of every round."""

    def __init__(self, run: TrainingRun):
        self._run = run

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
        metrics = {name: float(values[-1]) for name, values in evals_log.get(_EVAL, {}).items()}
        return self._run.on_round(model.num_boosted_rounds(), metrics)


def _weight_of_positives(split: Split) -> float:
    total = float(len(split.label) if split.weight is None else split.weight.sum(dtype=np.float64))
    label = split.label if split.weight is None else split.label * split.weight
    positives = float(label.sum(dtype=np.float64))
    return (total - positives) / positives


def _mean(split: Split) -> float:
    return float(np.average(split.label.astype(np.float64), weights=split.weight))


def _matrix(split: Split, balance: float | None, feature_names: Sequence[str]) -> xgboost.DMatrix:
    weights = split.weight
    if balance is not None:
        by_label = np.where(split.label == 1, np.float32(balance), np.float32(1))
        weights = by_label if weights is None else weights * by_label
    names = list(names_in_model(feature_names))
    return xgboost.DMatrix(split.features, label=split.label, weight=weights, feature_names=names)
