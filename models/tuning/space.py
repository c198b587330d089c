"""From a search's space to specs: that of a trial, and whether the family takes what a space has."""

import dataclasses
from collections.abc import Iterator, Mapping

from models.families.family import Family, FeatureColumns
from models.search import Range
from models.spec import ModelSpec
from schemas.errors import InputError

Parameters = Mapping[str, str | int | float]


def of_trial(spec: ModelSpec, parameters: Parameters) -> ModelSpec:
    """Return the spec with the parameters of a trial in place of its own.

    >>> dict(of_trial(ModelSpec(parameters={"eta": 0.1, "max_depth": 3}), {"eta": 0.3}).parameters)
    {'eta': 0.3, 'max_depth': 3}
    """
    return dataclasses.replace(spec, parameters={**spec.parameters, **parameters})


def check_space(spec: ModelSpec, space: Mapping[str, Range], columns: FeatureColumns, family: Family) -> None:
    """Raise `InputError` for a parameter that the family does not know, or an end of a range that it does not take.

    Each end is tried beside the first ends of the others. Ends that do not go together are found by trials.
    """
    for corner in corners(space):
        try:
            family.check_parameters(of_trial(spec, corner), columns)
        except InputError as error:
            shown = ", ".join(f"{name}={value}" for name, value in corner.items())
            raise InputError(f"search, at {shown}: {error}") from None


def corners(space: Mapping[str, Range]) -> Iterator[Parameters]:
    """Yield the first ends of all ranges together, then every other end beside the first ones of the others."""
    first = {name: values.ends[0] for name, values in space.items()}
    yield first
    for name, values in space.items():
        for end in values.ends[1:]:
            yield {**first, name: end}


def own_parameters(spec: ModelSpec, space: Mapping[str, Range]) -> Parameters | None:
    """Return the parameters that the spec itself has of those that are searched; None if they are not in the space."""
    own = {name: spec.parameters.get(name) for name in space}
    found = {name: value for name, value in own.items() if isinstance(value, str | int | float)}
    return found if all(space[name].has(value) for name, value in own.items()) else None
