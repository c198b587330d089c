"""Dependence: the mean score of a sample of rows if one raw field, or one feature, had a certain value in all of them.

That is partial dependence (Friedman, 2001), computed with the model itself: what a person asks who wants to know what a
field does. It moves one thing and leaves the others as they are, also those that in data move with it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.evaluation.importance import rounded
from models.families.family import Model

MOST_CLASSES = 6
"""Classes that are told, those of the largest mean score."""
_FEW_VALUES = 12
_POINTS = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tried:
    """Values that a field or a feature is given, and what the model sees of each.

    `said` is what is told of it beside the scores, `values` included, one per row of `features`: float32 [values,
    columns], what becomes of the `columns` of the matrix. `missing` is what becomes of them without a value, float32
    [columns], if rows are without.
    """

    said: dict[str, Any]
    columns: Sequence[int]
    features: np.ndarray
    missing: np.ndarray | None = None


def dependence(
    model: Model,
    tried: Sequence[Tried],
    features: np.ndarray,
    weight: np.ndarray | None = None,
    classes: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Return what is said of each with `mean_score`, one per value, or that by class in `classes`, as plain JSON.

    `features` are those of the rows, float32 [rows, features], at least one row; `weight` is what a row counts for.
    `missing` is the mean score without a value. Of very many classes those of the largest mean score are told.
    """
    shown: list[int] = []
    if classes and tried:
        means = np.average(model.predict(features), axis=0, weights=weight)
        shown = np.argsort(-means, kind="stable")[:MOST_CLASSES].tolist()
    found = []
    for one in tried:
        given = one.features if one.missing is None else np.concatenate([one.features, one.missing[None]])
        means = np.array([_mean(model, features, one.columns, values, weight) for values in given])
        if not classes:
            found.append(one.said | _line(means, len(one.features)))
            continue
        lines = [{"class": classes[at], **_line(means[:, at], len(one.features))} for at in shown]
        found.append(one.said | {"classes": lines})
    return found


def of_feature(name: str, fields: Sequence[str], column: int, features: np.ndarray) -> Tried:
    """Return the values to try of a feature, of the rows' own (float32 [rows, features]).

    Up to 12 different ones are all tried, with the `rows` that have each; of more, points between which lie equal
    shares of rows.
    """
    own = features[:, column]
    there = own[~np.isnan(own)]
    values, counts = np.unique(there, return_counts=True)
    said: dict[str, Any] = {"feature": name, "fields": list(fields)}
    if len(values) > _FEW_VALUES:
        values = np.unique(np.quantile(there, np.linspace(0.01, 0.99, _POINTS), method="nearest"))
    else:
        said["rows"] = counts.tolist()
    said["values"] = [rounded(float(value)) for value in values]
    gone = np.full(1, np.nan, np.float32) if len(there) < len(own) else None
    return Tried(said=said, columns=[column], features=values[:, None], missing=gone)


def _line(means: np.ndarray, values: int) -> dict[str, Any]:
    """Return the mean scores of the values, and the one behind them if there is one."""
    line = [rounded(float(mean)) for mean in means]
    return {"mean_score": line[:values]} | ({"missing": line[values]} if len(line) > values else {})


def _mean(
    model: Model, features: np.ndarray, columns: Sequence[int], values: np.ndarray, weight: np.ndarray | None
) -> np.ndarray | np.floating:
    changed = features.copy()
    changed[:, columns] = values
    return np.average(model.predict(changed).astype(np.float64), axis=0, weights=weight)
