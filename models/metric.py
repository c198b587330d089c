"""Metrics of one's own: a plain function that an evaluation calls; values in `ModelSpec(metrics=...)`."""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

from models.spec_values import check_fields, shown
from models.tasks import METRICS, NOT_METRICS
from schemas.errors import InputError


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric of one's own: its name, the function, and the raw columns of the test rows that the function gets.

    The function is called with label, scores and weight, float32 [rows] each (1 where rows have none; scores of several
    classes are [rows, classes]), and a `pyarrow.RecordBatch` of `columns`. It returns a finite number, or None where
    there is none. It is called for all test rows, and for those of each value of a slice.

    Training sets carry the columns. Candidates and bundles keep the name, never the function: an evaluation takes that
    from the use case's file, and `function` is None until then.

    >>> Metric("share_of_frauds", lambda label, scores, weight, rows: float(label.mean())).columns
    ()
    """

    name: str
    function: Callable[..., Any] | None
    columns: tuple[str, ...] = ()
    higher_is_better: bool = True

    def __new__(cls, *_: Any, **named: Any) -> Self:
        check_fields(cls, named)
        return super().__new__(cls)

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise InputError(f"metric: its name is {shown(self.name)}, wanted one as card_precision_100")
        if self.name in (*METRICS, *NOT_METRICS):
            raise InputError(f"metric {self.name!r}: evaluations have one of that name; choose another")
        if self.function is not None and not callable(self.function):
            raise InputError(f"metric {self.name!r}: function is {shown(self.function)}, wanted a function")
        if not isinstance(self.columns, tuple | list) or not all(isinstance(one, str) for one in self.columns):
            raise InputError(f'metric {self.name!r}: columns is {shown(self.columns)}, wanted a tuple as ("CARD",)')
        if type(self.higher_is_better) is not bool:
            raise InputError(f"metric {self.name!r}: higher_is_better is {shown(self.higher_is_better)}, wanted a bool")
        object.__setattr__(self, "columns", tuple(self.columns))

    def __eq__(self, other: object) -> bool:
        """Compare what is kept of it."""
        return isinstance(other, Metric) and self.kept() == other.kept()

    def __hash__(self) -> int:
        return hash(self.name)

    def kept(self) -> dict[str, Any]:
        """Return what a manifest says of it."""
        return {"name": self.name, "columns": list(self.columns), "higher_is_better": self.higher_is_better}

    @classmethod
    def of_kept(cls, value: dict[str, Any]) -> "Metric":
        """Return one without its function, from what a manifest says."""
        return cls(value["name"], None, tuple(value["columns"]), value["higher_is_better"])


def columns_of(metrics: tuple[Metric, ...]) -> tuple[str, ...]:
    """Return the raw columns that metrics get, each once, in their order.

    >>> columns_of((Metric("a", None, ("x", "y")), Metric("b", None, ("y", "z"))))
    ('x', 'y', 'z')
    """
    return tuple(dict.fromkeys(name for metric in metrics for name in metric.columns))
