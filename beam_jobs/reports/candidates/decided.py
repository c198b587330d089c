"""What a page says of a model's decisions: confusion matrices, thresholds, classes, fairness.

Everything is text here, ready for a template that escapes it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beam_jobs.reports.candidates.metric_names import name_of
from beam_jobs.reports.candidates.opened_model import OpenedModel
from beam_jobs.reports.metrics_text import short
from beam_jobs.reports.sets.wording import count, percent, text

_MOST_SLICES = 20
_MOST_VALUES = 20
_MOST_CLASSES = 30
_MOST_NAMED = 8
_CELLS = ("true_positive", "false_positive", "false_negative", "true_negative")


def confusion(opened: OpenedModel) -> dict[str, str] | None:
    """Return the confusion matrix of a binary label at the model's threshold, and the threshold."""
    metrics = opened.part("metrics")
    found = metrics.get("confusion")
    if not isinstance(found, dict):
        return None
    cells = {name: rows_text(found[name]) for name in _CELLS}
    return cells | {name: short(metrics.get(name)) for name in ("threshold", "precision", "recall", "f1", "accuracy")}


def thresholds(opened: OpenedModel) -> dict[str, Any] | None:
    """Return the table of thresholds: heads, rows, and which row is the model's own threshold, or the nearest one."""
    found = opened.part("thresholds")
    lines = found.get("threshold")
    if not lines:
        return None
    names = [name for name in _THRESHOLD_COLUMNS if name in found]
    written: dict[str, Callable[[Any], str]] = dict.fromkeys(names, short)
    written |= {"selected": percent_or_dash, **dict.fromkeys(_CELLS, rows_text)}
    rows = [[written[name](found[name][at]) for name in names] for at in range(len(lines))]
    chosen = found.get("chosen", opened.part("metrics").get("threshold"))
    nearest = min(range(len(lines)), key=lambda at: abs(lines[at] - chosen)) if chosen is not None else 0
    return {"names": names, "heads": [name_of(name) for name in names], "rows": rows, "chosen": nearest}


_THRESHOLD_COLUMNS = ("threshold", "selected", *_CELLS, "precision", "recall", "f1", "accuracy", "cost")


def classes(opened: OpenedModel) -> dict[str, Any] | None:
    """Return the metrics of each class, the most frequent first, and the confusion matrix of those, in shares."""
    found = opened.part("metrics").get("classes")
    if not isinstance(found, list):
        return None
    order = sorted(range(len(found)), key=lambda at: -found[at]["rows"])[:_MOST_CLASSES]
    names = [name for name in ("recall", "precision", "f1", "auc", "average_precision") if name in found[0]]
    rows = [
        [text(found[at]["class"]), count(found[at]["rows"]), *(short(found[at][name]) for name in names)]
        for at in order
    ]
    matrix = opened.part("metrics")["confusion"]
    sums = {at: sum(matrix[at]) or 1 for at in order}
    cells = [
        {"class": text(found[at]["class"]),
         "cells": [{"rows": rows_text(matrix[at][to]), "share": matrix[at][to] / sums[at]} for to in order]}
        for at in order
    ]  # fmt: skip
    heads = [name_of(name) for name in names]
    return {"heads": heads, "rows": rows, "matrix": cells, "more": len(found) - len(order)}


def fairness(opened: OpenedModel) -> list[dict[str, Any]]:
    """Return the rates by value of every slice that has them, and their largest differences in words."""
    found = []
    for name, part in list(opened.part("fairness").items())[:_MOST_SLICES]:
        gaps = [(rate, part[rate]) for rate in _RATES if isinstance(part.get(rate), dict)]
        said = [
            f"{rate.replace('_', ' ')}: {percent_or_dash(gap.get('difference'))} apart, "
            f"ratio {short(gap.get('ratio'))} ({_rate(gap['least'])} to {_rate(gap['most'])})"
            for rate, gap in gaps
        ]
        values = part["values"]
        rows = [
            [value_text(one["value"]), count(one["rows"]), *(percent_or_dash(one.get(rate)) for rate in _RATES)]
            for one in values[:_MOST_VALUES]
        ]
        found.append(
            {
                "column": text(name),
                "said": said,
                "rows": rows,
                "more": len(values) - len(rows),
                "too_few": _some([value_text(value) for value in part.get("too_few", [])]),
            }
        )
    return found


_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")


def rows_text(rows: float) -> str:
    """Return how many rows, or what they count for together."""
    return f"{rows:,.10g}"


def value_text(value: Any) -> str:
    """Return a value of a slice."""
    return "(missing)" if value is None else text(str(value))


def percent_or_dash(share: float | None) -> str:
    """Return a share in per cent, a dash of none."""
    return "-" if share is None else percent(share)


def _rate(one: Mapping[str, Any]) -> str:
    return f"{value_text(one['value'])} {percent_or_dash(one['rate'])}"


def _some(values: Sequence[str]) -> str:
    more = f" and {len(values) - _MOST_NAMED} more" if len(values) > _MOST_NAMED else ""
    return ", ".join(values[:_MOST_NAMED]) + more
