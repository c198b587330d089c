"""The family `xgboost`: train boosted trees for a label of any task, load them, score a feature matrix."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xgboost

from models.families.family import FeatureColumns, Split, TrainingRun
from models.families.query_order import by_query
from models.families.xgb_columns import categories_of, category_columns, check_categories, feature_types, with_missing
from models.families.xgb_description import ESCAPES, FILE, checked_model, describe
from models.families.xgb_losses import base_score_of, functions_of, is_balanced
from models.families.xgb_parameters import all_parameters, check_parameters, reason
from models.spec import ModelSpec
from models.tasks import RANKING
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
        self._categories = categories_of(booster.feature_types)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return the scores of features float32 [rows, features], where NaN is missing: float32 [rows (, classes)]."""
        return self._booster.inplace_predict(with_missing(features, self._categories), validate_features=False)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Return what every feature adds to the margin of a row, the bias last: float32 [rows, features + 1].

        `features` are float32 [rows, features]. Of several classes, float32 [rows, classes, features + 1]. Which number
        of the score the margin is, the loss says (`models.losses.Loss.link`).
        """
        known = with_missing(features, self._categories)
        matrix = xgboost.DMatrix(known, feature_names=list(self.feature_names), nthread=1)
        shape = (self.classes,) if self.classes else ()
        added = self._booster.predict(matrix, pred_contribs=True)
        return added.reshape(len(features), *shape, features.shape[1] + 1)


def train(
    spec: ModelSpec, columns: FeatureColumns, train_split: Split, eval_split: Split | None, run: TrainingRun = _PLAIN
) -> TrainedBooster:
    """Train until the last metric of the loss, or `stop_by`, has not improved on `eval_split` for some rounds.

    How many is the spec's `early_stopping_rounds`; without `eval_split`, all rounds are trained. Of a binary label the
    rarer one weighs as much as the other one unless the spec says otherwise, in training and in the metric that stops
    it; afterwards the weight is taken out of the base score again, so that scores are probabilities. Others begin where
    `base_score_of` says. Rows count for their weight. The same data, parameters and number of threads give the same
    bytes. Raises `InputError` for what `check_parameters` raises it, and for names of features that XGBoost cannot tell
    apart.
    """
    check_parameters(spec, columns)
    balance = _weight_of_positives(train_split) if is_balanced(spec) else None
    parameters = all_parameters(spec, columns, base_score_of(spec, train_split.label, train_split.weight))
    history: dict[str, dict[str, list[float]]] = {}
    try:
        booster = xgboost.train(
            parameters,
            _matrix(spec, columns, train_split, balance),
            num_boost_round=spec.rounds,
            evals=[] if eval_split is None else [(_matrix(spec, columns, eval_split, balance), _EVAL)],
            early_stopping_rounds=None if eval_split is None else spec.early_stopping_rounds,
            evals_result=history,
            verbose_eval=False,
            callbacks=[_Rounds(run)],
            **functions_of(spec),
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


def _matrix(spec: ModelSpec, columns: FeatureColumns, split: Split, balance: float | None) -> xgboost.DMatrix:
    """Return a split as XGBoost takes it; of a ranking query by query, each in the order of its rows."""
    categories = category_columns(spec, columns)
    check_categories(split.features, categories, columns.names)
    weights, queries = split.weight, None
    if balance is not None:
        by_label = np.where(split.label == 1, np.float32(balance), np.float32(1))
        weights = by_label if weights is None else weights * by_label
    if spec.task == RANKING:
        split, queries, weights = by_query(split)
    return xgboost.DMatrix(
        with_missing(split.features, categories),
        label=split.label,
        weight=weights,
        qid=queries,
        feature_names=list(names_in_model(columns.names)),
        feature_types=feature_types(categories, len(columns.names)),
        enable_categorical=bool(categories),
    )
