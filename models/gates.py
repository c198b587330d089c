"""Gates: what a candidate must meet on the test split to be released; values in `ModelSpec(gates=...)`."""

import dataclasses
import math
from typing import Any, Self

from models.spec_values import check_fields, check_one_of, is_number, shown
from models.tasks import BINARY, DIFFERENCE, FAIRNESS, MEANS, METRICS, SHARES, SIGNED
from schemas.errors import InputError
from schemas.nearest import did_you_mean

MIN_ROWS = 100
"""Of a slice's value, the rows below which a gate on every value passes it over, where the gate says nothing else."""


@dataclasses.dataclass(frozen=True)
class Gate:
    """One condition that a candidate must meet on the test split to be released.

    `metric` is one of those of the spec's task (`tasks.METRICS_OF`), or one of the spec's own. It must be `at_least` or
    `at_most` a number, or `no_worse_by` more than a number than the champion's on the same rows: without a champion,
    as before a first release, that passes. With `slice`, a column of the spec's slices, every value of at least
    `min_rows` rows must meet it, or the one `slice_value`; against a champion the rows count that both score. A metric
    of `tasks.FAIRNESS` is of all values of its slice together: a difference must be `at_most`, a ratio `at_least` a
    number. Wrong values raise `InputError` when it is made, wrong metrics and slices when the spec is.

    >>> Gate("auc", no_worse_by=0.01, slice="payment_type").slice
    'payment_type'
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    no_worse_by: float | None = None
    slice: str | None = None
    slice_value: str | None = None
    min_rows: int | None = None

    def __new__(cls, *_: Any, **named: Any) -> Self:
        check_fields(cls, named)
        return super().__new__(cls)

    def __post_init__(self):
        if not isinstance(self.metric, str) or not self.metric.isidentifier():
            raise InputError(f"gate: metric is {shown(self.metric)}, wanted one of {', '.join(METRICS)}")
        if sum(limit is not None for limit in (self.at_least, self.at_most, self.no_worse_by)) != 1:
            raise InputError(f"gate on {self.metric!r}: give at_least or at_most or no_worse_by, one of them")
        for name, kind in (("slice", str), ("slice_value", str)):
            value = getattr(self, name)
            if value is not None and type(value) is not kind:
                raise InputError(f"gate on {self.metric!r}: {name} is {shown(value)}, wanted a text")
        for name, needs in (("slice_value", "slice"), ("min_rows", "slice")):
            if getattr(self, name) is not None and getattr(self, needs) is None:
                raise InputError(f"gate on {self.metric!r}: {name} without {needs}; give {needs}, a column, as well")
        if self.min_rows is not None and (type(self.min_rows) is not int or self.min_rows < 1):
            raise InputError(f"gate on {self.metric!r}: min_rows is {shown(self.min_rows)}, wanted 1 or more")
        if self.min_rows is not None and self.slice_value is not None:
            raise InputError(f"gate on {self.metric!r}: min_rows with slice_value, which is one value; leave one out")
        if self.is_fairness:
            self._check_fairness()
        is_share = self.metric in SHARES or self.is_fairness
        self.check_limit(is_share, self.metric in METRICS and self.metric not in SIGNED)

    @property
    def is_fairness(self) -> bool:
        """Whether it is on how far the values of its slice are apart."""
        return self.metric in FAIRNESS

    def _check_fairness(self) -> None:
        wanted = "at_most" if self.metric.endswith(DIFFERENCE) else "at_least"
        if getattr(self, wanted) is None:
            raise InputError(f"gate on {self.metric!r}: wanted {wanted}, which alone makes a model fairer")
        if self.slice is None:
            raise InputError(f"gate on {self.metric!r}: it is of the values of a slice; give slice, a column")
        for name in ("slice_value", "min_rows"):
            if getattr(self, name) is not None:
                raise InputError(f"gate on {self.metric!r}: it is of all values of the slice; leave {name} out")

    def __repr__(self) -> str:
        """Return it as people write it, without what is not given."""
        given = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        metric = given.pop("metric", None)
        return f"Gate({', '.join([repr(metric), *(f'{name}={value!r}' for name, value in given.items())])})"

    def check_limit(self, is_share: bool, is_positive: bool) -> None:
        """Raise `InputError` for a limit that no value of the metric can meet or miss."""
        bound = next(limit for limit in (self.at_least, self.at_most, self.no_worse_by) if limit is not None)
        least = 0 if is_share or is_positive or self.no_worse_by is not None else -math.inf
        most = 1 if is_share else math.inf
        if not is_number(bound) or not least <= bound <= most:
            wanted = "that is finite" if least else "from 0 to 1" if is_share else "of 0 or more"
            raise InputError(f"gate on {self.metric!r}: its limit is {shown(bound)}, wanted a number {wanted}")

    def check_of(self, task: str, metrics: tuple[str, ...], slices: tuple[str, ...]) -> None:
        """Raise `InputError` for a metric or a slice that a spec does not have."""
        known = (*metrics, *FAIRNESS) if task == BINARY else metrics
        check_one_of(f"model: task {task}: a gate's metric", self.metric, known)
        if self.slice is not None and self.slice not in slices:
            wanted = f"one of slices, {', '.join(slices)}" if slices else "a column, but the model names no slices"
            near = did_you_mean(self.slice, slices)
            raise InputError(f"model: a gate on {self.metric!r} is of slice {self.slice!r}, wanted {wanted}{near}")
        if task == BINARY and self.metric in MEANS:
            self.check_limit(True, True)

    def limit(self, champion: float | None, higher_is_better: bool) -> float | None:
        """Return the number that a value is held against; None if the champion's is not known.

        >>> Gate("auc", no_worse_by=0.25).limit(0.75, True), Gate("log_loss", no_worse_by=0.25).limit(0.75, False)
        (0.5, 1.0)
        """
        if self.no_worse_by is None:
            return self.at_least if self.at_least is not None else self.at_most
        if champion is None:
            return None
        return champion - self.no_worse_by if higher_is_better else champion + self.no_worse_by

    def passes(self, value: float | None, champion: float | None = None, higher_is_better: bool = True) -> bool:
        """Say whether a value meets the gate; a metric that could not be computed does not.

        >>> Gate("auc", at_least=0.8).passes(0.85), Gate("auc", at_least=0.8).passes(None)
        (True, False)
        """
        limit = self.limit(champion, higher_is_better)
        if value is None or limit is None:
            return False
        at_least = self.at_least is not None or (self.no_worse_by is not None and higher_is_better)
        return value >= limit if at_least else value <= limit
