"""How much memory a training takes: whether a set fits into what is given, and how many rows at a time if not."""

from models.families.team import Team
from models.training.training_set import TrainingSet
from schemas.errors import InputError

BASE = 400 << 20
"""Bytes that a process has before it reads anything: Python, Arrow, XGBoost."""
_PER_CELL_IN_MEMORY = 16  # four of ours, eight of XGBoost's rows, its bins, and room to build them
_PER_ROW = 64  # label, weight, slices, gradients, scores
_PER_CLASS = 12  # more a row: two derivatives and a margin of every class
_PER_CELL_AT_ONCE = 24  # of the rows that are in memory at a time, several pages of which are
_FEWEST, _MOST = 4_096, 262_144


def rows_of_set(training_set: TrainingSet, team: Team, most: int | None) -> int | None:
    """Return how many rows of its part of a set a worker has in memory at a time, as `rows_at_once`; None for all.

    `most` are the bytes it may take, None for as many as it needs.
    """
    if most is None:
        return None
    rows = sum(len(team.part(training_set.rows_of(name))) for name in ("train", "eval"))
    return rows_at_once(rows, len(training_set.feature_names), most, len(training_set.classes))


def rows_at_once(rows: int, features: int, most: int, classes: int = 0) -> int | None:
    """Return how many rows of a set a training has in memory at a time if it may take so many bytes; None for all.

    Raises `InputError` if it is too little for any. `rows` are those of the largest split and the one to stop by,
    `classes` those of a multiclass label.

    >>> rows_at_once(10_000, 10, 1 << 30) is None
    True
    >>> rows_at_once(10_000_000, 20, 2 << 30)
    262144
    """
    always = BASE + rows * (_PER_ROW + classes * _PER_CLASS)
    if always + rows * features * _PER_CELL_IN_MEMORY <= most:
        return None
    left = most - always
    found = left // (features * _PER_CELL_AT_ONCE)
    if found < _FEWEST:
        least = always + _FEWEST * features * _PER_CELL_AT_ONCE
        raise InputError(
            f"--max-memory of {most >> 20:,} MiB is too little for {rows:,} rows of {features} features, of which some "
            f"bytes a row always are in memory; give at least {(least >> 20) + 1:,}MiB"
        )
    return min(found, _MOST)
