"""The parameters of the family `xgboost`: which are the model's to set, and what XGBoost says of them beforehand."""

import json
import re
import warnings
from typing import Any

import numpy as np
import xgboost

from models.families.boosting.xgb_columns import category_columns, constraints, feature_types
from models.families.boosting.xgb_losses import FOCAL, loss_parameters, metrics_of, objective_of
from models.families.family import FeatureColumns
from models.spec import ModelSpec
from models.tasks import BINARY, MULTICLASS, RANKING
from schemas.errors import InputError
from schemas.nearest import did_you_mean

# The number of threads is a fact of the model: sums of gradients come out otherwise with another one.
_THREADS = 2
_OURS = ("objective", "num_class", "base_score", "scale_pos_weight", "seed", "random_state", "eval_metric")
_OF_THE_LOSS = ("quantile_alpha", "tweedie_variance_power", "ndcg_exp_gain")
_FIELDS = {
    **dict.fromkeys(("rounds", "num_round", "num_boost_round", "n_estimators"), "rounds"),
    "early_stopping_rounds": "early_stopping_rounds",
}
_SOURCE = re.compile(r"^\[[\d:]+\] \S+:\d+: ")
_ROWS = 64
_CPU = "cpu"
_LONGEST = 300  # letters of what XGBoost says


def all_parameters(spec: ModelSpec, columns: FeatureColumns, base_score: float = 0.5) -> dict[str, Any]:
    """Return what XGBoost is called with: defaults, the model's own parameters, and those that are not its to set.

    `base_score` is what a row gets before any tree. Raises `InputError` for what the spec asks of no feature or metric.
    """
    return {
        "objective": objective_of(spec),
        "tree_method": "hist",
        "nthread": _THREADS,
        **spec.parameters,
        **loss_parameters(spec),
        **constraints(spec, columns),
        **({"num_class": len(spec.classes)} if spec.classes else {}),
        "base_score": base_score,
        "eval_metric": [name for name in metrics_of(spec) if name != FOCAL],
        "seed": spec.seed,
    }


def check_parameters(spec: ModelSpec, columns: FeatureColumns) -> None:
    """Raise `InputError` for a parameter that XGBoost does not know or use, or a value that it does not take.

    XGBoost itself is asked: it trains one tree on made-up rows of as many features, and says what it did not use.
    """
    for name in spec.parameters:
        if name in _OURS:
            raise InputError(f"model: parameter {name!r} is set by the family; remove it")
        if name in _OF_THE_LOSS:
            raise InputError(f"model: parameter {name!r} is set by the model's loss; remove it")
        if name in _FIELDS:
            option = "--" + _FIELDS[name].replace("_", "-")
            raise InputError(
                f"model: {name!r} is no parameter of XGBoost; set the model's {_FIELDS[name]}, or {option}"
            )
    booster = spec.parameters.get("booster", "gbtree")
    if booster != "gbtree":
        raise InputError(f"model: booster is {booster!r}, wanted gbtree, which can be cut to its best round")
    classes = max(len(spec.classes), 2)
    count, features = max(_ROWS, classes), len(columns.names)
    values = np.arange(count * features, dtype=np.float32).reshape(count, features) % 7
    rows = xgboost.DMatrix(
        values,
        label=np.arange(count) % classes + (spec.task not in (BINARY, MULTICLASS)),
        qid=np.zeros(count, np.int32) if spec.task == RANKING else None,
        feature_types=feature_types(category_columns(spec, columns), features),
        enable_categorical=bool(spec.categories),
    )
    parameters = {**all_parameters(spec, columns), "verbosity": 1, "validate_parameters": True}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            probe = xgboost.train(parameters, rows, 1)
        except xgboost.core.XGBoostError as error:
            raise InputError(f"model: xgboost: {reason(error)}; look at the parameters") from None
    asked, config = str(parameters.get("device", _CPU)), json.loads(probe.save_config())
    if asked != _CPU and config["learner"]["generic_param"]["device"] == _CPU:  # it only warns
        raise InputError(f"model: device is {asked!r}, and XGBoost finds no such GPU here; train where there is one")
    unused = re.findall(r"Parameters: \{(.*)\} are not used", "\n".join(str(one.message) for one in warned))
    for name in re.findall(r'"([^"]*)"', " ".join(unused)):
        others = [one for one in _known(config) if one != name]
        meant = did_you_mean(name, others) or "; remove it"
        raise InputError(f"model: parameter {name!r} is not one that XGBoost {xgboost.__version__} uses here{meant}")


def reason(error: Exception) -> str:
    """Return what XGBoost says went wrong, in one line: the failed check if it names one, no source path, no stack.

    >>> reason(ValueError("[17:07:18] /src/tree.cc:20: Unknown tree updater x\\nStack trace:\\n  [bt] (0) lib.so"))
    'Unknown tree updater x'
    """
    text = str(error).partition("Stack trace:")[0].strip().splitlines() or [type(error).__name__]
    lines = [_SOURCE.sub("", line.strip()) for line in text]
    checks = [line for line in lines if "Check failed" in line]
    return (checks[0] if checks else " ".join(lines))[:_LONGEST]  # a model that does not load is quoted as a whole


def _known(config: Any) -> list[str]:
    """Return the parameters that a booster's configuration lists: the keys of its groups `..._param`."""
    known: list[str] = []
    for name, part in config.items() if isinstance(config, dict) else enumerate(config):
        if isinstance(part, dict | list):
            known += part if str(name).endswith("_param") else _known(part)
    return known
