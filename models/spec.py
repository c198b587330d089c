"""What a use case says about its model: task, classes, family, parameters, split, slices, threshold and gates."""

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Any, Self

from models.costs import Costs
from models.feature_rules import check_categories, check_interactions, check_monotone
from models.gates import Gate
from models.losses import Loss, loss_of
from models.metric import Metric
from models.search import Search
from models.spec_values import check_fields, check_one_of, is_number, shown
from models.splits import EVAL, SPLITS, TEST, TRAIN, ColumnSplit, GroupSplit, SplitRule, TimeSplit
from models.tasks import BINARY, COST, LOWER_IS_BETTER, METRICS_OF, MULTICLASS, RANKING, REGRESSION, TASKS, UNRANKED
from schemas.errors import InputError

__all__ = ["BEST_F1", "FAMILIES", "LEAST_SHARE", "Costs", "Gate", "Metric", "ModelSpec", "Search"]

FAMILIES = ("xgboost", "keras")
"""Names of families; what each of them can do is in `families/`."""
BEST_F1 = "best_f1"
WEIGHT, NONE = "weight", "none"
BALANCES = (WEIGHT, NONE)
"""What is done of a binary label one of which is rare."""

Parameter = str | int | float | tuple[int | float, ...]
"""What a parameter of a model may be."""

_MOST_CLASSES = 1_000
LEAST_SHARE = 1e-5
"""Of a label that is down-sampled, what train must keep at least."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """The whole of a use case's `MODEL`. Wrong values raise `InputError` when it is made.

    `classes` are the names of what a multiclass label numbers, in that order; `slices` are raw columns by whose values
    evaluation repeats its metrics; `threshold`, of a binary label, is a number in (0, 1) or `best_f1`, chosen on the
    eval split; `parameters` go to the family as they are. `split` says how rows are split (`models.splits`);
    `down_sample` has, by label, the share of its rows that train keeps, each of which then weighs as many as it stands
    for. `metrics` are the use case's own beside ours (`models.metric`), `costs` what a binary decision costs
    (`models.costs`), for the metric `cost` and its curve. `search` is where `onegraph tune` looks for better
    parameters (`models.search`); it is no part of what the model is.

    `loss` is what training makes small (`models.losses`), None the first of the task. `balance`, of the log loss of a
    binary label, is `weight`, by which the rarer label weighs as much as the other, or `none`; scores are chances
    either way. Family keras has a parameter for it instead, `class_weights`. `stop_by` is the family's metric that
    stops the training. By names of features or of outputs of several columns: `monotone` are those with which
    scores may only rise (1) or fall (-1), `interactions` groups of those that may act together, `categories` ids
    whose order means nothing.
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
    metrics: tuple[Metric, ...] = ()
    costs: Costs | None = None
    search: Search | None = dataclasses.field(default=None, compare=False)
    loss: Loss | None = None
    balance: str = WEIGHT
    stop_by: str | None = None
    monotone: Mapping[str, int] = dataclasses.field(default_factory=dict)
    interactions: tuple[tuple[str, ...], ...] = ()
    categories: tuple[str, ...] = ()

    def __new__(cls, *_: Any, **named: Any) -> Self:
        check_fields(cls, named)
        return super().__new__(cls)

    def __post_init__(self):
        check_one_of("model: task", self.task, TASKS)
        check_one_of("model: family", self.family, FAMILIES)
        for name, least in (("rounds", 1), ("early_stopping_rounds", 1), ("seed", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise InputError(f"model: {name} is {shown(value)}, wanted a whole number of {least} or more")
        self._check_classes()
        self._check_split()
        self._check_down_sample()
        if not isinstance(self.parameters, Mapping):
            raise InputError(f"model: parameters is {shown(self.parameters)}, wanted a dict, {{'max_depth': 6}}")
        for name, value in self.parameters.items():
            if not isinstance(name, str):
                raise InputError(f"model: a parameter is called {shown(name)}, wanted a text")
            several = isinstance(value, tuple | list) and len(value) > 0 and all(map(is_number, value))
            is_finite = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
            if not (is_finite or several):
                wanted = "a finite number or a text, or a tuple of numbers"
                raise InputError(f"model: parameter {name!r} is {shown(value)}, wanted {wanted}")
        if isinstance(self.threshold, str):
            check_one_of("model: threshold", self.threshold, (BEST_F1,))
        elif not is_number(self.threshold) or not 0 < self.threshold < 1:
            raise InputError(
                f"model: threshold is {shown(self.threshold)}, wanted a number between 0 and 1 or {BEST_F1!r}"
            )
        for name, kind, example in _TUPLES:
            values = getattr(self, name)
            if not isinstance(values, tuple | list) or not all(isinstance(value, kind) for value in values):
                raise InputError(f"model: {name} is {shown(values)}, wanted a tuple as {example}")
            object.__setattr__(self, name, tuple(values))
        if len(set(self.slices)) != len(self.slices):
            raise InputError("model: a slice is named twice; name it once")
        self._check_task()
        loss_of(self.task, self.loss)
        check_one_of("model: balance", self.balance, BALANCES)
        if self.stop_by is not None and not isinstance(self.stop_by, str):
            raise InputError(f"model: stop_by is {shown(self.stop_by)}, wanted the name of a metric, as 'auc'")
        object.__setattr__(self, "monotone", types.MappingProxyType(check_monotone(self.monotone)))
        object.__setattr__(self, "interactions", check_interactions(self.interactions))
        object.__setattr__(self, "categories", check_categories(self.categories))
        plain = {name: tuple(one) if isinstance(one, list) else one for name, one in self.parameters.items()}
        object.__setattr__(self, "parameters", types.MappingProxyType(plain))
        object.__setattr__(self, "down_sample", types.MappingProxyType(dict(self.down_sample)))
        if isinstance(self.split, Mapping):
            object.__setattr__(self, "split", types.MappingProxyType({name: self.split[name] for name in SPLITS}))

    def _check_classes(self) -> None:
        wanted = 'wanted a tuple of different names as ("low", "high")'
        if not isinstance(self.classes, tuple | list):
            raise InputError(f"model: classes is {shown(self.classes)}, {wanted}")
        for name in self.classes:
            if not isinstance(name, str) or not name or not name.isprintable():
                raise InputError(f"model: a class is called {shown(name)}, {wanted}")
        object.__setattr__(self, "classes", tuple(self.classes))
        if len(set(self.classes)) < len(self.classes):
            raise InputError(f"model: a class is named twice, {wanted}")
        if self.task == MULTICLASS and not 2 <= len(self.classes) <= _MOST_CLASSES:
            raise InputError(f"model: task multiclass with {len(self.classes)} classes, wanted 2 to {_MOST_CLASSES:,}")
        if self.task != MULTICLASS and self.classes:
            raise InputError(f"model: classes of task {self.task}, which has none; take them out, or set multiclass")

    def _check_task(self) -> None:
        """A threshold, costs, gates and the metric of a search must be of the task."""
        if self.task != BINARY and self.threshold != BEST_F1:
            raise InputError(f"model: threshold of task {self.task}, which has none; take it out")
        if self.costs is not None and not isinstance(self.costs, Costs):
            raise InputError(f"model: costs is {shown(self.costs)}, wanted Costs(false_positive=1, false_negative=10)")
        if self.costs is not None and self.task != BINARY:
            raise InputError(
                f"model: costs of task {self.task}; they are of the decisions of task binary, take them out"
            )
        if len({metric.name for metric in self.metrics}) < len(self.metrics):
            raise InputError("model: a metric is named twice; name it once")
        for gate in self.gates:
            gate.check_of(self.task, self.metric_names, self.slices)
            if gate.no_worse_by is not None and self.higher_is_better(gate.metric) is None:
                raise InputError(
                    f"model: a gate is no_worse_by on {gate.metric!r}, of which neither more nor less is better"
                )
        if self.search is None:
            return
        if not isinstance(self.search, Search):
            raise InputError(f"model: search is {shown(self.search)}, wanted Search(space={{...}}, metric=...)")
        objectives = tuple(name for name in self.metric_names if name not in UNRANKED)
        check_one_of(f"model: task {self.task}: the search's metric", self.search.metric, objectives)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The numbers that an evaluation of this model gives, its own metrics among them."""
        cost = (COST,) if self.costs is not None else ()
        return (*METRICS_OF[self.task], *cost, *(metric.name for metric in self.metrics))

    def higher_is_better(self, metric: str) -> bool | None:
        """Return whether more of a metric is better, None of one of which neither is.

        >>> ModelSpec().higher_is_better("auc"), ModelSpec().higher_is_better("rows")
        (True, None)
        """
        if metric in UNRANKED:
            return None
        own = {one.name: one.higher_is_better for one in self.metrics}
        return own.get(metric, metric not in LOWER_IS_BETTER)

    def _check_split(self) -> None:
        if isinstance(self.split, TimeSplit | GroupSplit | ColumnSplit):
            return
        wanted = "wanted a dict with fractions of train, eval, test that sum to 1"
        if not isinstance(self.split, Mapping) or not all(map(is_number, self.split.values())):
            raise InputError(f"model: split is {shown(self.split)}, {wanted}")
        if set(self.split) != set(SPLITS) or abs(sum(self.split.values()) - 1) > 1e-9 or min(self.split.values()) <= 0:
            raise InputError(f"model: split is {shown(dict(self.split))}, {wanted}")

    def _check_down_sample(self) -> None:
        wanted = "wanted a dict from label to the share of its rows that train keeps, as in {0: 0.1}"
        if not isinstance(self.down_sample, Mapping):
            raise InputError(f"model: down_sample is {shown(self.down_sample)}, {wanted}")
        for label, share in self.down_sample.items():
            if type(label) is not int or label < 0 or not is_number(share) or not 0 < share <= 1:
                raise InputError(f"model: down_sample is {shown(dict(self.down_sample))}, {wanted}")
        if self.down_sample and self.task in (REGRESSION, RANKING):
            raise InputError(f"model: down_sample is for classes, the task is {self.task}; leave it out")
        last = max(len(self.classes), 2) - 1
        for label, share in self.down_sample.items():
            if label > last:
                raise InputError(f"model: down_sample of label {label}, the labels are 0 to {last}")
            if share < LEAST_SHARE:
                raise InputError(
                    f"model: down_sample keeps {share} of label {label}, wanted at least {LEAST_SHARE}: a row that is "
                    "kept weighs as many as it stands for"
                )


_TUPLES = (
    ("slices", str, '("purpose",)'),
    ("gates", Gate, '(Gate("auc", at_least=0.7),)'),
    ("metrics", Metric, '(Metric("share_found", share_found),)'),
)
