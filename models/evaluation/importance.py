"""Importance: how much each feature, and each raw field, moves the scores of a sample of rows.

It is the mean absolute contribution (`Model.contributions`): what a feature adds to a row's margin, its sign left out,
averaged over rows and classes, as SHAP's summary does (Lundberg and Lee, 2017). Contributions of features that come
from the same raw fields are added up before the sign is left out, so two that cancel each other count for nothing. A
feature of several fields belongs to all of them together, `fare+trip_miles`, and to none of them alone.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.families.family import Model
from models.scoring.explanation import by_origin
from models.tasks import BINARY, MULTICLASS
from transforms.graph.wide_outputs import WideOutput

MOST_ROWS = 500
"""Rows that are explained; a contribution can cost as much as thousands of scores."""
_LEAST_ROWS = 20
_CELLS = 20_000_000  # contributions that are asked for, of all rows together
_BYTES = 300_000_000  # of the model, over all rows
_AT_ONCE = 2_000_000  # and in one call
_MOST_NAMED = 1_000
_DIGITS = 6


@dataclasses.dataclass(frozen=True)
class Features:
    """What is known of the columns of a feature matrix: names, the raw fields of each, which are one output together.

    `personal` are raw fields whose values nobody may see, hashed and in buckets neither.
    """

    names: tuple[str, ...]
    fields: tuple[tuple[str, ...], ...]
    wide: tuple[WideOutput, ...] = ()
    personal: frozenset[str] = frozenset()

    @property
    def outputs(self) -> list[tuple[str, slice]]:
        """The outputs of the graph and where their columns are: several of a vector or of a list of ids.

        >>> wide = (WideOutput("genre", "ids", 1, 2),)
        >>> Features(("age", "genre/a", "genre/b"), (("age",), ("genre",), ("genre",)), wide).outputs
        [('age', slice(0, 1, None)), ('genre', slice(1, 3, None))]
        """
        starts = {one.first: one for one in self.wide}
        found, at = [], 0
        while at < len(self.names):
            one = starts.get(at)
            found.append((one.name, one.columns) if one is not None else (self.names[at], slice(at, at + 1)))
            at = found[-1][1].stop
        return found

    def is_personal(self, column: int) -> bool:
        """Whether a column comes of a personal field, alone or among others."""
        return not self.personal.isdisjoint(self.fields[column])


def rows_to_explain(features: np.ndarray, classes: int, model_bytes: int = 0) -> int:
    """Return how many rows are explained: 500, fewer of a large model or of very many contributions for a row.

    What a row costs grows with the model, so rows times bytes are bounded; a clock would choose other rows each time.

    >>> rows_to_explain(np.empty((9_000, 20)), 0), rows_to_explain(np.empty((9_000, 999)), 100)
    (500, 200)
    >>> rows_to_explain(np.empty((9_000, 20)), 0, model_bytes=3_000_000)
    100
    """
    of_row = max(classes, 1) * (features.shape[1] + 1)
    bounds = MOST_ROWS, _CELLS // of_row, _BYTES // max(model_bytes, 1)
    return min(len(features), max(_LEAST_ROWS, min(bounds)))


def importance(
    model: Model, task: str, known: Features, features: np.ndarray, weight: np.ndarray | None = None
) -> dict[str, Any]:
    """Return the importance of `fields` and `features`, the largest first, as plain JSON values.

    An entry of `fields` has in `of` the raw fields that it stands for, several where features are made of them
    together; one of `features` is an output of the graph. `features` are those of the rows to explain, float32 [rows,
    features], at least one; `weight` is what a row counts for. `margin` says what contributions and `bias` add up to,
    `largest_gap` how far they are from it at most: of probabilities in these, of numbers in the margin.
    """
    classes = max(model.classes, 1)
    step = max(1, _AT_ONCE // (classes * (features.shape[1] + 1)))
    weights = np.ones(len(features)) if weight is None else weight.astype(np.float64)
    fields: list[str] = []
    sums: dict[str, Any] = {"features": 0.0, "fields": 0.0, "bias": 0.0}
    margins = []
    for start in range(0, len(features), step):
        part, counts = features[start : start + step], np.repeat(weights[start : start + step], classes)
        flat = model.contributions(part).reshape(len(part) * classes, -1)
        added, bias = flat[:, :-1].astype(np.float64), flat[:, -1].astype(np.float64)
        margins.append((added.sum(axis=1) + bias).reshape(len(part), classes))
        outputs = np.stack([added[:, columns].sum(axis=1) for _, columns in known.outputs], axis=1)
        fields, of_fields = by_origin(added, known.fields)
        for name, one in (("features", np.abs(outputs)), ("fields", np.abs(of_fields)), ("bias", bias)):
            sums[name] = sums[name] + counts @ one
    whole = float(weights.sum()) * classes or 1.0
    unit, gap = _margin(task, np.concatenate(margins), model.predict(features))
    of_outputs = [_fields_of(known, columns) for _, columns in known.outputs]
    named = [
        {"feature": name, "fields": list(of), "columns": columns.stop - columns.start}
        for (name, columns), of in zip(known.outputs, of_outputs, strict=True)
    ]
    groups = dict(zip(fields, dict.fromkeys(known.fields), strict=True))  # by_origin names them in this order
    of_groups = [{"field": name, "of": list(of)} for name, of in groups.items()]
    return {
        "rows": len(features),
        "margin": unit,
        "largest_gap": rounded(gap),
        "bias": rounded(float(sums["bias"]) / whole),
        "fields": _ranked(of_groups, sums["fields"] / whole),
        "features": _ranked(named, sums["features"] / whole),
    }


def rounded(value: float) -> float:
    """Return a number to six digits: a page needs no more, and the last bits say nothing.

    >>> rounded(0.123456789), rounded(1234567.8)
    (0.123457, 1234570.0)
    """
    return float(f"{value:.{_DIGITS}g}")


def _fields_of(known: Features, columns: slice) -> tuple[str, ...]:
    return tuple(sorted({field for of in known.fields[columns] for field in of}))


def _ranked(named: Sequence[dict[str, Any]], means: np.ndarray) -> list[dict[str, Any]]:
    """Return what is named with its mean and its share of all means, the largest first."""
    total = float(means.sum()) or 1.0
    order = np.argsort(-means, kind="stable")[:_MOST_NAMED].tolist()
    return [
        {**named[at], "mean_abs": rounded(float(means[at])), "share": rounded(float(means[at]) / total)} for at in order
    ]


def _margin(task: str, margins: np.ndarray, scores: np.ndarray) -> tuple[str, float]:
    """Return what sums of contributions ([rows, classes]) are, told by the scores, and their largest gap from it.

    >>> _margin("regression", np.array([[0.0]]), np.array([1.0]))
    ('logarithm of the score', 0.0)
    """
    scores = scores.astype(np.float64)
    if task == MULTICLASS:
        shifted = np.exp(margins - margins.max(axis=1, keepdims=True))
        return "log-odds before softmax", _gap(shifted / shifted.sum(axis=1, keepdims=True), scores)
    sums = margins[:, 0]
    if task == BINARY:
        return "log-odds", _gap(1 / (1 + np.exp(-sums)), scores)
    found = {"score": _gap(sums, scores)}
    if scores.min() > 0:
        found["logarithm of the score"] = _gap(sums, np.log(scores))
    nearest = min(found, key=lambda name: found[name])
    return nearest, found[nearest]


def _gap(sums: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(sums - wanted).max())
