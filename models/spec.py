"""What a use case says about its model: task, classes, family, parameters, split, slices, threshold and gates."""

import dataclasses
import math
import types
from collections.abc import Iterable, Mapping
from typing import Any, Self

from models.splits import EVAL, SPLITS, TEST, TRAIN, ColumnSplit, GroupSplit, SplitRule, TimeSplit
from models.tasks import BINARY, MEANS, METRICS, METRICS_OF, MULTICLASS, SHARES, SIGNED, TASKS
from schemas.errors import InputError
from schemas.nearest import did_you_mean

FAMILIES = ("xgboost", "keras")
"""Names of families; what each of them can do is in `families/`."""
BEST_F1 = "best_f1"

Parameter = str | int | float | tuple[int | float, ...]
"""What a parameter of a model may be."""

_MOST_CLASSES = 1_000
LEAST_SHARE = 1e-5
"""Of a label that is down-sampled, what train must keep at least."""


@dataclasses.dataclass(frozen=True)
class Gate:
    """One condition that a candidate must meet on the test split to be released.

    `metric` is one of those of the spec's task (`tasks.METRICS_OF`). Wrong values raise `InputError` when it is made.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def __new__(cls, *_: Any, **named: Any) -> Self:
        _check_fields(cls, named)
        return super().__new__(cls)

    def __post_init__(self):
        _one_of("gate: metric", self.metric, METRICS)
        if (self.at_least is None) == (self.at_most is None):
            raise InputError(f"gate on {self.metric!r}: give at_least or at_most, one of them")
        self.check_limit(self.metric in SHARES)

    def check_limit(self, is_share: bool) -> None:
        """Raise `InputError` for a limit that no value of the metric can meet or miss."""
        bound: Any = self.at_least if self.at_least is not None else self.at_most
        least, most = 0 if is_share or self.metric not in SIGNED else -math.inf, 1 if is_share else math.inf
        if not _is_number(bound) or not least <= bound <= most:
            wanted = "that is finite" if least else "from 0 to 1" if is_share else "of 0 or more"
            raise InputError(f"gate on {self.metric!r}: its limit is {_shown(bound)}, wanted a number {wanted}")

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

    `classes` are the names of what a multiclass label numbers, in that order; `slices` are raw columns by whose values
    evaluation repeats its metrics; `threshold`, of a binary label, is a number in (0, 1) or `best_f1`, chosen on the
    eval split; `parameters` go to the family as they are. `split` says how rows are split (`models.splits`);
    `down_sample` has, by label, the share of its rows that train keeps, each of which then weighs as many as it stands
    for.
    """

    task: str = "binary"
    classes: tuple[str, ...] = ()
    family: str = "xgboost"
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    rounds: int = 500
    early_stopping_rounds: int = 20
    seed: int = 0
    split: SplitRule = dataclasses.field(default_factory=lambda: {"train": TRAIN, "eval": EVAL, "test": TEST})
    down_sample: Mapping[int, float] = dataclasses.field(default_factory=dict)
    slices: tuple[str, ...] = ()
    threshold: float | str = BEST_F1
    gates: tuple[Gate, ...] = ()

    def __new__(cls, *_: Any, **named: Any) -> Self:
        _check_fields(cls, named)
        return super().__new__(cls)

    def __post_init__(self):
        _one_of("model: task", self.task, TASKS)
        _one_of("model: family", self.family, FAMILIES)
        for name, least in (("rounds", 1), ("early_stopping_rounds", 1), ("seed", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise InputError(f"model: {name} is {_shown(value)}, wanted a whole number of {least} or more")
        self._check_classes()
        self._check_split()
        self._check_down_sample()
        if not isinstance(self.parameters, Mapping):
            raise InputError(f"model: parameters is {_shown(self.parameters)}, wanted a dict, {{'max_depth': 6}}")
        for name, value in self.parameters.items():
            if not isinstance(name, str):
                raise InputError(f"model: a parameter is called {_shown(name)}, wanted a text")
            several = isinstance(value, tuple | list) and len(value) > 0 and all(map(_is_number, value))
            is_finite = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
            if not (is_finite or several):
                wanted = "a finite number or a text, or a tuple of numbers"
                raise InputError(f"model: parameter {name!r} is {_shown(value)}, wanted {wanted}")
        if isinstance(self.threshold, str):
            _one_of("model: threshold", self.threshold, (BEST_F1,))
        elif not _is_number(self.threshold) or not 0 < self.threshold < 1:
            raise InputError(
                f"model: threshold is {_shown(self.threshold)}, wanted a number between 0 and 1 or {BEST_F1!r}"
            )
        for name, kind, example in (("slices", str, '("purpose",)'), ("gates", Gate, '(Gate("auc", at_least=0.7),)')):
            values = getattr(self, name)
            if not isinstance(values, tuple | list) or not all(isinstance(value, kind) for value in values):
                raise InputError(f"model: {name} is {_shown(values)}, wanted a tuple as {example}")
            object.__setattr__(self, name, tuple(values))
        if len(set(self.slices)) != len(self.slices):
            raise InputError("model: a slice is named twice; name it once")
        self._check_task()
        plain = {name: tuple(one) if isinstance(one, list) else one for name, one in self.parameters.items()}
        object.__setattr__(self, "parameters", types.MappingProxyType(plain))
        object.__setattr__(self, "down_sample", types.MappingProxyType(dict(self.down_sample)))
        if isinstance(self.split, Mapping):
            object.__setattr__(self, "split", types.MappingProxyType({name: self.split[name] for name in SPLITS}))

    def _check_classes(self) -> None:
        wanted = 'wanted a tuple of different names as ("low", "high")'
        if not isinstance(self.classes, tuple | list):
            raise InputError(f"model: classes is {_shown(self.classes)}, {wanted}")
        for name in self.classes:
            if not isinstance(name, str) or not name or not name.isprintable():
                raise InputError(f"model: a class is called {_shown(name)}, {wanted}")
        object.__setattr__(self, "classes", tuple(self.classes))
        if len(set(self.classes)) < len(self.classes):
            raise InputError(f"model: a class is named twice, {wanted}")
        if self.task == MULTICLASS and not 2 <= len(self.classes) <= _MOST_CLASSES:
            raise InputError(f"model: task multiclass with {len(self.classes)} classes, wanted 2 to {_MOST_CLASSES:,}")
        if self.task != MULTICLASS and self.classes:
            raise InputError(f"model: classes of task {self.task}, which has none; take them out, or set multiclass")

    def _check_task(self) -> None:
        """A threshold and gates must be of the task."""
        if self.task != BINARY and self.threshold != BEST_F1:
            raise InputError(f"model: threshold of task {self.task}, which has none; take it out")
        for gate in self.gates:
            _one_of(f"model: task {self.task}: a gate's metric", gate.metric, METRICS_OF[self.task])
            gate.check_limit(gate.metric in SHARES or (self.task == BINARY and gate.metric in MEANS))

    def _check_split(self) -> None:
        if isinstance(self.split, TimeSplit | GroupSplit | ColumnSplit):
            return
        wanted = "wanted a dict with fractions of train, eval, test that sum to 1"
        if not isinstance(self.split, Mapping) or not all(map(_is_number, self.split.values())):
            raise InputError(f"model: split is {_shown(self.split)}, {wanted}")
        if set(self.split) != set(SPLITS) or abs(sum(self.split.values()) - 1) > 1e-9 or min(self.split.values()) <= 0:
            raise InputError(f"model: split is {_shown(dict(self.split))}, {wanted}")

    def _check_down_sample(self) -> None:
        wanted = "wanted a dict from label to the share of its rows that train keeps, as in {0: 0.1}"
        if not isinstance(self.down_sample, Mapping):
            raise InputError(f"model: down_sample is {_shown(self.down_sample)}, {wanted}")
        for label, share in self.down_sample.items():
            if type(label) is not int or label < 0 or not _is_number(share) or not 0 < share <= 1:
                raise InputError(f"model: down_sample is {_shown(dict(self.down_sample))}, {wanted}")
        if self.down_sample and self.task == "regression":
            raise InputError("model: down_sample is for classes, the task is regression; leave it out")
        last = max(len(self.classes), 2) - 1
        for label, share in self.down_sample.items():
            if label > last:
                raise InputError(f"model: down_sample of label {label}, the labels are 0 to {last}")
            if share < LEAST_SHARE:
                raise InputError(
                    f"model: down_sample keeps {share} of label {label}, wanted at least {LEAST_SHARE}: a row that is "
                    "kept weighs as many as it stands for"
                )


def _check_fields(cls: type, named: Iterable[str]) -> None:
    known = [field.name for field in dataclasses.fields(cls)]
    for name in named:
        if name not in known:
            raise InputError(f"{cls.__name__} has no {name!r} (it has {', '.join(known)}){did_you_mean(name, known)}")


def _one_of(what: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        near = did_you_mean(value, known)
        raise InputError(f"{what} is {_shown(value)}, wanted one of {', '.join(known)}{near}")


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]  # it is a number by then


def _shown(value: object) -> str:
    """Return a value as Python writes it, if that is short, or what it is."""
    text = repr(value)
    return text if len(text) <= 80 and text.isprintable() else f"a {type(value).__name__}"
