"""How the rows of train and eval are put in folds for cross-validation. Imports nothing heavy.

A row's fold follows from a stable hash of its features, or of the value of a column, so that equal rows, and all rows
of a group, are in one. Folds by time follow each other.
"""

import dataclasses
from typing import Any

from schemas.errors import InputError

LEAST = 3
"""Folds: one is scored, one stops the training, one at least is trained on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Folds:
    """A rule: so many folds, by hash of rows; of a column's values with `group_by`; or by a column's order.

    Columns are those that the examples of a training set carry.
    """

    count: int
    seed: int = 0
    group_by: str | None = None
    time_by: str | None = None

    def __post_init__(self):
        if type(self.count) is not int or self.count < LEAST:
            raise InputError(f"folds: {self.count!r:.20}, wanted a whole number of {LEAST} or more")
        if self.group_by is not None and self.time_by is not None:
            raise InputError("folds: by group and by time, wanted one of them")

    @property
    def column(self) -> str | None:
        """The column that they go by."""
        return self.group_by if self.time_by is None else self.time_by


def to_json(folds: Folds) -> dict[str, Any]:
    """Return a rule as manifests carry it.

    >>> to_json(Folds(count=5, group_by="customer"))
    {'count': 5, 'seed': 0, 'group_by': 'customer'}
    """
    return {name: value for name, value in dataclasses.asdict(folds).items() if value is not None}


def in_words(folds: Folds) -> str:
    """Return a rule for people.

    >>> in_words(Folds(count=5, time_by="day"))
    '5 folds by the order of day'
    """
    if folds.time_by is not None:
        return f"{folds.count} folds by the order of {folds.time_by}"
    by = "rows" if folds.group_by is None else f"the values of {folds.group_by}"
    return f"{folds.count} folds by a hash of {by}, seed {folds.seed}"
