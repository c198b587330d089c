"""The parameters of the family `keras`: what each may be, and what it is if a spec does not say."""

from collections.abc import Callable, Mapping
from typing import Any

from models.families.family import FeatureColumns
from models.losses import loss_of
from models.spec import WEIGHT, ModelSpec
from models.tasks import BINARY, MULTICLASS, REGRESSION
from schemas.errors import InputError
from schemas.nearest import did_you_mean

MLP, WIDE_AND_DEEP, DCN = "mlp", "wide_and_deep", "dcn"
NETWORKS = (MLP, WIDE_AND_DEEP, DCN)
ACTIVATIONS = ("relu", "leaky_relu", "tanh")
BALANCED, UNWEIGHTED = "balanced", "none"
TASKS = (BINARY, MULTICLASS, REGRESSION)
MOST_WEIGHTS = 16_000_000
"""Weights of one network; more do not fit into the file that TensorFlow keeps them in."""
AUC, AUC_PR = "auc", "aucpr"
STOP_BY: Mapping[str, tuple[str, ...]] = {
    BINARY: (AUC, AUC_PR, "logloss"),
    MULTICLASS: ("merror", "mlogloss"),
    REGRESSION: ("mae", "rmse"),
}
"""By task the metrics that may stop a training; the last one does where a spec does not say."""

_Rule = tuple[Callable[[Any], bool], str]


def _one_of(values: tuple[str, ...]) -> _Rule:
    return lambda value: value in values, f"one of {', '.join(values)}"


def _whole(least: int, most: int) -> _Rule:
    return lambda value: type(value) is int and least <= value <= most, f"a whole number from {least:,} to {most:,}"


def _number(least: float, most: float, with_least: bool) -> _Rule:
    def fits(value: Any) -> bool:
        return type(value) in (int, float) and (least <= value if with_least else least < value) and value <= most

    return fits, f"a number {'from' if with_least else 'above'} {least:g} to {most:g}"


def _are_sizes(value: Any) -> bool:
    sizes = value if isinstance(value, tuple) else (value,)
    return 0 < len(sizes) <= 10 and all(type(size) is int and 1 <= size <= 4096 for size in sizes)


# By name: what it is where nobody says, and what it may be.
_PARAMETERS: Mapping[str, tuple[Any, _Rule]] = {
    "network": (MLP, _one_of(NETWORKS)),
    "layers": ((128, 64), (_are_sizes, "1 to 10 sizes from 1 to 4,096, as in (128, 64)")),
    "activation": ("relu", _one_of(ACTIVATIONS)),
    "dropout": (0.0, _number(0, 0.9, True)),
    "embedding_size": (8, _whole(1, 256)),
    "most_ids": (1000, _whole(3, 100_000)),
    "cross_layers": (2, _whole(1, 10)),
    "learning_rate": (0.001, _number(0, 10, False)),
    "weight_decay": (0.0, _number(0, 1, True)),
    "batch_size": (256, _whole(1, 1_000_000)),
    "class_weights": (UNWEIGHTED, _one_of((UNWEIGHTED, BALANCED))),
}
_FIELDS = {
    **dict.fromkeys(("rounds", "epochs", "num_epochs"), "rounds"),
    **dict.fromkeys(("early_stopping_rounds", "patience"), "early_stopping_rounds"),
    "seed": "seed",
}


def all_parameters(spec: ModelSpec) -> dict[str, Any]:
    """Return a spec's parameters with those that it leaves out; `layers` is a tuple.

    >>> all_parameters(ModelSpec(family="keras", parameters={"layers": 32}))["layers"]
    (32,)
    """
    found = {name: default for name, (default, _) in _PARAMETERS.items()} | dict(spec.parameters)
    found["layers"] = found["layers"] if isinstance(found["layers"], tuple) else (found["layers"],)
    return found


# What a spec may say that this family has not, and what to do.
_UNHEEDED = {
    "monotone": "take it out",
    "interactions": "take it out",
    "categories": "ids have embeddings anyway, take it out",
}


def check_parameters(spec: ModelSpec, columns: FeatureColumns) -> None:
    """Raise `InputError` for a parameter that the family does not know or use, or a value that it does not take.

    >>> check_parameters(ModelSpec(family="keras", parameters={"layer": 64}), FeatureColumns.floats("age"))
    Traceback (most recent call last):
    schemas.errors.InputError: model: parameter 'layer' is not one of family keras, did you mean layers?
    """
    if spec.task not in TASKS:
        raise InputError(f"model: family keras has no task {spec.task}, wanted one of {', '.join(TASKS)}; take xgboost")
    for field, instead in _UNHEEDED.items():
        if getattr(spec, field):
            raise InputError(f"model: {field} is for family xgboost, this is keras; {instead}")
    if spec.stop_by is not None and spec.stop_by not in STOP_BY[spec.task]:
        known = STOP_BY[spec.task]
        raise InputError(
            f"model: stop_by is {spec.stop_by!r:.60}, wanted one of {', '.join(known)} of task {spec.task} with family "
            f"keras{did_you_mean(spec.stop_by, known)}"
        )
    if spec.balance != WEIGHT:
        raise InputError("model: balance is for family xgboost, this is keras; take it out, see class_weights")
    if spec.loss is not None and spec.loss != loss_of(spec.task, None):
        raise InputError(f"model: loss {spec.loss.name} is for family xgboost, this is keras; take it out")
    for name, value in spec.parameters.items():
        if name in _FIELDS:
            option = "--" + _FIELDS[name].replace("_", "-")
            raise InputError(
                f"model: {name!r} is no parameter of family keras; set the model's {_FIELDS[name]}, or {option}"
            )
        if name not in _PARAMETERS:
            near = did_you_mean(name, list(_PARAMETERS)) or f"; it has {', '.join(_PARAMETERS)}"
            raise InputError(f"model: parameter {name!r} is not one of family keras{near}")
        fits, wanted = _PARAMETERS[name][1]
        if not fits(value):
            near = did_you_mean(value, NETWORKS) if name == "network" else ""
            raise InputError(f"model: parameter {name!r} is {str(value)[:60]!r}, wanted {wanted}{near}")
    parameters = all_parameters(spec)
    if "cross_layers" in spec.parameters and parameters["network"] != DCN:
        raise InputError(
            f"model: parameter 'cross_layers' is of network dcn, this is {parameters['network']}; remove it"
        )
    if "class_weights" in spec.parameters and spec.task != BINARY:
        raise InputError(f"model: parameter 'class_weights' is of task binary, this is {spec.task}; remove it")
    check_size(len(columns.names) * parameters["layers"][0])


def check_size(weights: int) -> None:
    """Raise `InputError` for a network of too many weights."""
    if weights > MOST_WEIGHTS:
        raise InputError(
            f"model: a network of {weights:,} weights or more, wanted at most {MOST_WEIGHTS:,}; make layers or "
            "embedding_size smaller"
        )
