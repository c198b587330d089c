"""Rows of splits: those of two together, some of one."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from models.families.family import Split


def joined(one: Split, other: Split) -> Split:
    """Return the rows of two splits as one; where only one has weights, those of the other count for 1."""
    parts: dict[str, object] = {}
    for field in dataclasses.fields(Split):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if isinstance(first, Mapping):
            parts[field.name] = {name: pa.concat_arrays([first[name], second[name]]) for name in first}
        elif first is None and second is None:
            parts[field.name] = None
        else:
            parts[field.name] = np.concatenate([_whole(first, one), _whole(second, other)])
    return Split(**parts)  # type: ignore[arg-type]  # the fields are those of a split


def rows_of(split: Split, rows: np.ndarray) -> Split:
    """Return some rows of a split: bool [rows], or the numbers of the rows."""
    parts: dict[str, object] = {}
    for field in dataclasses.fields(Split):
        value = getattr(split, field.name)
        if isinstance(value, Mapping):
            taken = pa.array(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows)
            parts[field.name] = {name: column.take(taken) for name, column in value.items()}
        else:
            parts[field.name] = None if value is None else value[rows]
    return Split(**parts)  # type: ignore[arg-type]  # the fields are those of a split


def _whole(weights: np.ndarray | None, split: Split) -> np.ndarray:
    return np.ones(len(split.label), np.float32) if weights is None else weights
