"""Costs: what a binary decision costs, by what it was and what was said; one value in `ModelSpec(costs=...)`."""

import dataclasses
import math
from typing import Any

from schemas.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Costs:
    """What a row costs, in any one unit, that is a false alarm, is missed, or is told right; a gain is below zero.

    Raises `InputError` for what is no finite number, and where a wrong decision costs no more than the right one.

    >>> Costs(false_positive=5, false_negative=100).of(true=3.0, false=2.0, right_no=90.0, missed=1.0)
    110.0
    """

    false_positive: float
    false_negative: float
    true_positive: float = 0.0
    true_negative: float = 0.0

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            if type(value) not in (int, float) or not math.isfinite(value):
                raise InputError(f"costs: {name} is of type {type(value).__name__}, wanted a finite number")
        for wrong, right in (("false_positive", "true_negative"), ("false_negative", "true_positive")):
            if getattr(self, wrong) <= getattr(self, right):
                raise InputError(f"costs: {wrong} costs no more than {right}; then nothing is to be decided")

    def of(self, true: Any, false: Any, right_no: Any, missed: Any) -> Any:
        """Return what so many rows cost together: true and false positives, true and false negatives."""
        return (
            self.true_positive * true
            + self.false_positive * false
            + self.true_negative * right_no
            + self.false_negative * missed
        )
