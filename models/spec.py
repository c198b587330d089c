"""What a use case says about its model: task, family, parameters, split, slices, threshold and gates."""

import dataclasses
import math
import types
from collections.abc import Mapping

from schemas.errors import InputError

TASKS = ("binary",)
FAMILIES = ("xgboost",)
"""Names of families; what each of them can do is in `families/`."""
SPLITS = ("train", "eval", "test")
BEST_F1 = "best_f1"

_TRAIN, _EVAL, _TEST = 0.70, 0.15, 0.15


@dataclasses.dataclass(frozen=True)
class Gate:
    """One condition that a candidate must meet on the test split to be released.

    `metric` is a name in the evaluation's metrics (`auc`, `average_precision`, `log_loss`, `f1`, ...).
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self):
        if (self.at_least is None) == (self.at_most is None):
            raise InputError(f"gate on {self.metric!r}: give at_least or at_most, one of them")

    def passes(self, value: float | None) -> bool:
        """Say whether a value meets the gate; a metric that could not be computed does not.

        >>> Gate("auc", at_least=0.8).passes(0.85), Gate("auc", at_least=0.8).passes(None)
        (True, False)
        """
        if value is None:
            return False
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """The whole of a use case's `MODEL`. Wrong values raise `InputError` when it is made.

    `slices` are raw columns by whose values evaluation repeats its metrics; `threshold` is a number in (0, 1) or
    `best_f1`, chosen on the eval split; `parameters` go to the family as they are.
    """

    task: str = "binary"
    family: str = "xgboost"
    parameters: Mapping[str, str | int | float] = dataclasses.field(default_factory=dict)
    rounds: int = 500
    early_stopping_rounds: int = 20
    seed: int = 0
    split: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"train": _TRAIN, "eval": _EVAL, "test": _TEST}
    )
    slices: tuple[str, ...] = ()
    threshold: float | str = BEST_F1
    gates: tuple[Gate, ...] = ()

    def __post_init__(self):
        _one_of("task", self.task, TASKS)
        _one_of("family", self.family, FAMILIES)
        if set(self.split) != set(SPLITS) or abs(sum(self.split.values()) - 1) > 1e-9 or min(self.split.values()) <= 0:
            raise InputError(f"model: split is {dict(self.split)}, wanted fractions of train, eval, test that sum to 1")
        if self.rounds < 1 or self.early_stopping_rounds < 1:
            raise InputError("model: rounds and early_stopping_rounds must be 1 or more")
        for name, value in self.parameters.items():
            if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
                raise InputError(f"model: parameter {name!r} is {value!r}, wanted a finite number or a text")
        if isinstance(self.threshold, str):
            _one_of("threshold", self.threshold, (BEST_F1,))
        elif not 0 < self.threshold < 1:
            raise InputError(f"model: threshold is {self.threshold}, wanted a number between 0 and 1 or {BEST_F1!r}")
        object.__setattr__(self, "parameters", types.MappingProxyType(dict(self.parameters)))
        object.__setattr__(self, "split", types.MappingProxyType({name: self.split[name] for name in SPLITS}))


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"model: {name} is {value!r}, wanted one of {', '.join(known)}")
