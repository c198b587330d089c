"""A spec as the JSON value that manifests carry, and back."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from models import losses, splits
from models.costs import Costs
from models.gates import Gate
from models.metric import Metric
from models.spec import ModelSpec
from schemas.errors import ArtifactError, InputError

# What is no plain JSON value: how a field is written, and how it is read.
_FORMS: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "classes": (list, tuple),
    "parameters": (dict, dict),
    "split": (splits.to_json, splits.from_json),
    "down_sample": (
        lambda shares: {str(label): share for label, share in shares.items()},
        lambda shares: {int(label): share for label, share in shares.items()},
    ),
    "slices": (list, tuple),
    "gates": (
        lambda gates: [_gate_as_json(gate) for gate in gates],
        lambda gates: tuple(Gate(**gate) for gate in gates),
    ),
    "metrics": (
        lambda metrics: [metric.kept() for metric in metrics],
        lambda metrics: tuple(Metric.of_kept(metric) for metric in metrics),
    ),
    "costs": (dataclasses.asdict, lambda costs: Costs(**costs)),
    "loss": (losses.to_json, losses.from_json),
    "monotone": (dict, dict),
    "interactions": (
        lambda groups: [list(group) for group in groups],
        lambda groups: tuple(tuple(group) for group in groups),
    ),
    "categories": (list, tuple),
}
# Fields that specs of before had not: one that is at its default is not written.
_LATER = (
    *("down_sample", "metrics", "costs"),
    *("loss", "balance", "stop_by", "monotone", "interactions", "categories"),
)
# How parameters are looked for is no part of what a model is.
_NOT_WRITTEN = ("search",)


def spec_as_json(spec: ModelSpec) -> dict[str, Any]:
    """Return a spec as the JSON value that manifests carry.

    >>> spec_as_json(ModelSpec(rounds=7))["rounds"]
    7
    """
    plain = ModelSpec(task=spec.task, classes=spec.classes)
    return {
        field.name: _FORMS[field.name][0](value) if field.name in _FORMS else value
        for field in dataclasses.fields(spec)
        if field.name not in _NOT_WRITTEN
        and ((value := getattr(spec, field.name)) != getattr(plain, field.name) or field.name not in _LATER)
    }


def spec_from_json(value: Mapping[str, Any], where: str) -> ModelSpec:
    """Return the spec that a manifest carries; raises `ArtifactError` naming `where` for what is none."""
    try:
        read = {name: _FORMS[name][1](part) if name in _FORMS else part for name, part in value.items()}
        return ModelSpec(**{"split": None, "slices": None, "gates": None} | read)  # what every version wrote
    except (KeyError, TypeError, AttributeError, ValueError, InputError):
        raise ArtifactError(f"{where}: its manifest's model is no spec of this version; train again") from None


def _gate_as_json(gate: Gate) -> dict[str, Any]:
    """Return a gate without what gates of before had not, where it is not given."""
    first = ("metric", "at_least", "at_most")
    return {name: value for name, value in dataclasses.asdict(gate).items() if name in first or value is not None}
