"""Where `onegraph tune` looks for a model's parameters, as a use case's author writes it. Imports nothing heavy.

>>> ways = Choice("depthwise", "lossguide")
>>> space = {"max_depth": Whole(2, 10), "eta": Real(0.01, 0.3, log=True), "grow_policy": ways}
>>> Search(space=space, metric="auc").trials
20
"""

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Any

from schemas.errors import InputError

_MOST_TRIALS = 100_000
_NO_NUMBERS = (math.inf, -math.inf)


@dataclasses.dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`, both of them in; by logarithm with `log`, else in steps of `step`."""

    low: int
    high: int
    log: bool = False
    step: int = 1

    def __post_init__(self):
        if any(type(value) is not int for value in (self.low, self.high, self.step)):
            raise InputError(f"search: {self}: wanted whole numbers")
        _check_ends(self, self.low, self.high, self.log)
        if self.step < 1 or (self.log and self.step != 1) or (self.high - self.low) % self.step:
            raise InputError(f"search: {self}: wanted a step that leads from low to high, and none with log")

    @property
    def ends(self) -> tuple[int, ...]:
        """The least and the most."""
        return self.low, self.high

    def has(self, value: object) -> bool:
        """Say whether a value is one of them."""
        return type(value) is int and self.low <= value <= self.high and (value - self.low) % self.step == 0


@dataclasses.dataclass(frozen=True)
class Real:
    """A number from `low` to `high`; by logarithm with `log`, as sizes of which nobody knows the order are."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self):
        if any(type(value) not in (int, float) or not math.isfinite(value) for value in (self.low, self.high)):
            raise InputError(f"search: {self}: wanted finite numbers")
        _check_ends(self, self.low, self.high, self.log)

    @property
    def ends(self) -> tuple[float, ...]:
        """The least and the most."""
        return float(self.low), float(self.high)

    def has(self, value: object) -> bool:
        """Say whether a value is one of them."""
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclasses.dataclass(frozen=True, init=False)
class Choice:
    """One of several texts or numbers, between which there is no order.

    >>> Choice("depthwise", "lossguide").options
    ('depthwise', 'lossguide')
    """

    options: tuple[str | int | float, ...]

    def __init__(self, *options: str | int | float):
        object.__setattr__(self, "options", options)
        if any(
            type(one) not in (str, int, float) or (type(one) is float and not math.isfinite(one)) for one in options
        ):
            raise InputError(f"search: {self}: wanted texts or finite numbers")
        if len(options) < 2 or len(set(options)) < len(options):
            raise InputError(f"search: {self}: wanted two different options or more, as in Choice('a', 'b')")

    @property
    def ends(self) -> tuple[str | int | float, ...]:
        """All of them."""
        return self.options

    def has(self, value: object) -> bool:
        """Say whether a value is one of them."""
        return value in self.options


Range = Whole | Real | Choice
_NAMES: Mapping[str, type[Range]] = {"whole": Whole, "real": Real, "choice": Choice}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    """What a search varies, and by which metric of an evaluation, on the eval split, it chooses.

    `space` has a range for every parameter that is varied; the others stay those of the model. `trials` is how many
    are made where the command line says nothing. Wrong values raise `InputError` when it is made.
    """

    space: Mapping[str, Range]
    metric: str
    trials: int = 20

    def __post_init__(self):
        if not isinstance(self.space, Mapping) or not self.space:
            raise InputError('search: wanted a space with a range for a parameter, as in {"max_depth": Whole(2, 10)}')
        for name, values in self.space.items():
            if not isinstance(name, str):
                raise InputError(f"search: a parameter's name is of type {type(name).__name__}, wanted a text")
            if not isinstance(values, Range):
                raise InputError(
                    f"search: the range of {name!r} is of type {type(values).__name__}, wanted Whole, Real or Choice"
                )
        if type(self.trials) is not int or not 1 <= self.trials <= _MOST_TRIALS:
            raise InputError(f"search: trials is {self.trials!r:.40}, wanted a whole number of 1 to {_MOST_TRIALS:,}")
        object.__setattr__(self, "space", types.MappingProxyType(dict(self.space)))


def space_as_json(space: Mapping[str, Range]) -> dict[str, Any]:
    """Return a space as the JSON value that says what was searched.

    >>> space_as_json({"max_depth": Whole(2, 10), "grow_policy": Choice("depthwise", "lossguide")})["max_depth"]
    {'is': 'whole', 'low': 2, 'high': 10, 'log': False, 'step': 1}
    """
    names = {kind: name for name, kind in _NAMES.items()}
    return {
        name: {
            "is": names[type(values)],
            **{key: list(part) if isinstance(part, tuple) else part for key, part in vars(values).items()},
        }
        for name, values in space.items()
    }


def _check_ends(range_: Range, low: float, high: float, log: bool) -> None:
    if low >= high:
        raise InputError(f"search: {range_}: wanted a low end that is less than the high one")
    if type(log) is not bool or (log and low <= 0):
        raise InputError(f"search: {range_}: by logarithm, wanted ends above 0")
