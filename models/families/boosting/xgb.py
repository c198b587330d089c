"""The family `xgboost`: train boosted trees for a label of any task, load them, score a feature matrix."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xgboost

from models.families.boosting.query_order import queries_of
from models.families.boosting.xgb_columns import categories_of, category_columns, check_categories, with_missing
from models.families.boosting.xgb_description import ESCAPES, FILE, checked_model, describe
from models.families.boosting.xgb_losses import base_score_of, functions_of, is_balanced
from models.families.boosting.xgb_matrix import matrix
from models.families.boosting.xgb_parameters import all_parameters, check_parameters, reason
from models.families.boosting.xgb_rounds import boost, samples
from models.families.family import FeatureColumns, Split, TrainingRun
from models.families.team import Team, is_lost
from models.spec import ModelSpec
from models.tasks import RANKING
from schemas.artifacts.making import no_room
from schemas.errors import ArtifactError, InputError

__all__ = [
    "FILE",
    "TrainedBooster",
    "XGBoostModel",
    "check_parameters",
    "check_run",
    "describe",
    "draws",
    "load",
    "names_in_model",
    "train",
    "versions",
]


_PLAIN = TrainingRun()
_BINS = 256  # of XGBoost's `max_bin` where nobody says


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

    Of several workers each trains on its part; sums and trees are of all rows, and every worker has the same model.
    """
    check_parameters(spec, columns)
    balance = _weight_of_positives(train_split, run.team) if is_balanced(spec) else None
    base_score = base_score_of(spec, train_split.label, train_split.weight, run.team)
    parameters = all_parameters(spec, columns, base_score)
    names, categories = names_in_model(columns.names), category_columns(spec, columns)
    try:
        for split in (train_split, eval_split):
            if split is not None:
                check_categories(split.features, categories, columns.names)
                if spec.task == RANKING:
                    queries_of(split)
        bins = int(parameters.get("max_bin", _BINS))
        train_rows = matrix(train_split, _weights(train_split, balance), names, run, categories, bins)
        eval_rows = None
        if eval_split is not None:
            eval_rows = matrix(eval_split, _weights(eval_split, balance), names, run, categories, bins, train_rows)
        booster, history = boost(
            parameters,
            train_rows,
            eval_rows,
            spec.rounds,
            lambda: xgboost.callback.EarlyStopping(rounds=spec.early_stopping_rounds),
            run,
            functions_of(spec),
        )
    except ValueError as error:  # XGBoostError is one
        if run.team.workers > 1 and is_lost(error):
            raise
        if (full := no_room(error)) is not None:
            raise OSError(full, os.strerror(full), str(run.work_folder)) from None
        raise InputError(f"xgboost: {reason(error)}; look at the model's parameters and features") from None
    rounds = booster.num_boosted_rounds() if eval_split is None else booster.best_iteration + 1
    best = booster[:rounds]
    if balance is not None:
        best.set_param({"base_score": 1.0 / (1.0 + balance)})
        parameters["weight_of_positives"] = balance
    best.set_attr(best_iteration=None, best_score=None)
    return TrainedBooster(best, rounds, history, parameters)


def check_run(spec: ModelSpec, workers: int, in_memory: bool) -> None:
    """Raise `InputError` for a ranking that is to be cut into parts, and a tree method that needs all rows at once."""
    if spec.task == RANKING and (workers > 1 or not in_memory):
        raise InputError(
            "a ranking is trained by one worker, in memory: a part of the rows would cut queries in two; leave out "
            "--workers and --max-memory"
        )
    method = spec.parameters.get("tree_method", "hist")
    if method not in ("hist", "auto") and not in_memory:
        raise InputError(
            f"model: tree_method is {method!r}, and rows that are larger than --max-memory are trained on by hist "
            "alone; give more memory, or leave tree_method out"
        )


def draws(spec: ModelSpec) -> bool:
    """Say whether rows or columns are sampled."""
    return samples(spec.parameters)


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


def _weight_of_positives(split: Split, team: Team) -> float:
    total = float(len(split.label) if split.weight is None else split.weight.sum(dtype=np.float64))
    label = split.label if split.weight is None else split.label * split.weight
    total, positives = team.total([total, float(label.sum(dtype=np.float64))])
    return (total - positives) / positives


def _weights(split: Split, balance: float | None) -> np.ndarray | None:
    """Return what every row counts for, float32 [rows]; None where all count for 1."""
    if balance is None:
        return split.weight
    by_label = np.where(split.label == 1, np.float32(balance), np.float32(1))
    return by_label if split.weight is None else split.weight * by_label
