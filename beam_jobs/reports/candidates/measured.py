"""What a page says of the numbers of an evaluation: headline, metrics, gates, slices, fairness, thresholds, classes.

Everything is text here, ready for a template that escapes it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beam_jobs.reports.candidates.metric_names import HEADLINES, MAIN, better, name_of, numbers
from beam_jobs.reports.candidates.opened_model import OpenedModel
from beam_jobs.reports.metrics_text import SLICE_METRICS, short
from beam_jobs.reports.sets.wording import count, percent, text
from models.tasks import METRICS

_MOST_FIGURES = 12
_MOST_METRICS = 200
_MOST_GATES = 60
_MOST_SLICES = 20
_MOST_VALUES = 20
_MOST_CLASSES = 30
_MOST_NAMED = 8
_CELLS = ("true_positive", "false_positive", "false_negative", "true_negative")


def interval(value: Any) -> str:
    """Return an interval as a page has it, nothing of none.

    >>> interval([0.94951, 0.9696]), interval(None)
    ('0.9495 to 0.9696', '')
    """
    if not isinstance(value, list) or len(value) != 2 or None in value:
        return ""
    return f"{short(value[0])} to {short(value[1])}"


def signed(value: float | None) -> str:
    """Return a difference with its sign.

    >>> signed(0.01234), signed(-2.0), signed(None)
    ('+0.0123', '-2.0000', '-')
    """
    return "-" if value is None else f"{'+' if value > 0 else ''}{short(value)}"


def figures(opened: OpenedModel) -> list[tuple[str, str, str]]:
    """Return name, value and interval of what is said first: those of the task, then the use case's own."""
    known, between = numbers(opened.part("metrics")), opened.part("intervals").get("metrics", {})
    first = [name for name in HEADLINES.get(opened.task, ()) if known.get(name) is not None]
    own = [name for name in known if name not in METRICS and name not in first and name != "weight"]
    chosen = (first + own if first else list(known))[:_MOST_FIGURES]
    return [(name_of(name), short(known[name]), interval(between.get(name))) for name in chosen]


def metric_rows(opened: OpenedModel) -> list[tuple[str, str, str]]:
    """Return name, value and interval of all metrics that are one number."""
    between = opened.part("intervals").get("metrics", {})
    found = list(numbers(opened.part("metrics")).items())[:_MOST_METRICS]
    return [(name_of(name), _number(name, value), interval(between.get(name))) for name, value in found]


def gates(opened: OpenedModel) -> tuple[list[dict[str, Any]], int]:
    """Return what each gate wanted and got, those not met first, and how many more there are."""
    found = sorted(opened.part("verdict").get("gates", []), key=lambda gate: gate.get("passed") is True)
    rows = [
        {
            "met": gate.get("passed") is True,
            "metric": name_of(str(gate["metric"])),
            "where": _where(gate),
            "value": short(gate.get("value")),
            "wanted": _wanted(gate),
            "why": text(str(gate["why"])) if "why" in gate else "",
        }
        for gate in found[:_MOST_GATES]
    ]
    return rows, len(found) - len(rows)


def slices(opened: OpenedModel) -> tuple[list[dict[str, Any]], int]:
    """Return the metrics by value of every slice, and how many more slices there are.

    An entry has heads, rows (value, rows, cells, and where on a track the main metric and its interval are, in per
    cent), how many values are not shown, and where the metric of all rows is.
    """
    columns = list(opened.part("slices").items())
    between = opened.part("intervals").get("slices", {})
    found = [_slice(opened, name, values, between.get(name, [])) for name, values in columns[:_MOST_SLICES]]
    return found, len(columns) - len(found)


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
            [_value(one["value"]), count(one["rows"]), *(percent_or_dash(one.get(rate)) for rate in _RATES)]
            for one in values[:_MOST_VALUES]
        ]
        found.append(
            {
                "column": text(name),
                "said": said,
                "rows": rows,
                "more": len(values) - len(rows),
                "too_few": _some([_value(value) for value in part.get("too_few", [])]),
            }
        )
    return found


_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")


def confusion(opened: OpenedModel) -> dict[str, str] | None:
    """Return the confusion matrix of a binary label at the model's threshold, and the threshold."""
    metrics = opened.part("metrics")
    found = metrics.get("confusion")
    if not isinstance(found, dict):
        return None
    cells = {name: _rows_text(found[name]) for name in _CELLS}
    return cells | {name: short(metrics.get(name)) for name in ("threshold", "precision", "recall", "f1", "accuracy")}


def thresholds(opened: OpenedModel) -> dict[str, Any] | None:
    """Return the table of thresholds: heads, rows, and which row is the model's own threshold, or the nearest one."""
    found = opened.part("thresholds")
    lines = found.get("threshold")
    if not lines:
        return None
    names = [name for name in _THRESHOLD_COLUMNS if name in found]
    written: dict[str, Callable[[Any], str]] = dict.fromkeys(names, short)
    written |= {"selected": percent_or_dash, **dict.fromkeys(_CELLS, _rows_text)}
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
         "cells": [{"rows": _rows_text(matrix[at][to]), "share": matrix[at][to] / sums[at]} for to in order]}
        for at in order
    ]  # fmt: skip
    heads = [name_of(name) for name in names]
    return {"heads": heads, "rows": rows, "matrix": cells, "more": len(found) - len(order)}


def comparison(opened: OpenedModel) -> dict[str, Any] | None:
    """Return the candidate against the champion on the same rows: all metrics, and slices that differ for sure."""
    found = opened.found["comparison"]
    if found is None:
        return None
    rows = [
        [name_of(name), short(one.get("candidate")), short(one.get("champion")), signed(one.get("difference")),
         interval(one.get("interval")), better(name, one.get("difference"))]
        for name, one in list(found["metrics"].items())[:_MOST_METRICS]
    ]  # fmt: skip
    certain = [
        [text(column), _value(value["value"]), count(value["rows"]), name_of(name), signed(one["difference"]),
         interval(one["interval"]), better(name, one["difference"])]
        for column, values in found.get("slices", {}).items()
        for value in values
        for name, one in value["metrics"].items()
        if isinstance(one, dict) and _is_certain(one.get("interval")) and better(name, one.get("difference"))
    ]  # fmt: skip
    return {
        "champion": text(str(found.get("champion", ""))),
        "rows": rows,
        "certain": certain[:_MOST_VALUES],
        "more": max(len(certain) - _MOST_VALUES, 0),
    }


def against(opened: OpenedModel, other: OpenedModel) -> list[list[str]]:
    """Return every metric that both have: name, both values, their difference, and whether it is for the better."""
    mine, theirs = numbers(opened.part("metrics")), numbers(other.part("metrics"))
    rows = []
    for name in [name for name in mine if name in theirs and name != "rows"][:_MOST_METRICS]:
        one, two = mine[name], theirs[name]
        apart = None if one is None or two is None else one - two
        rows.append([name_of(name), _number(name, one), _number(name, two), signed(apart), better(name, apart)])
    return rows


def _rows_text(rows: float) -> str:
    """Return how many rows, or what they count for together."""
    return f"{rows:,.10g}"


def percent_or_dash(share: float | None) -> str:
    """Return a share in per cent, a dash of none."""
    return "-" if share is None else percent(share)


def _is_certain(value: Any) -> bool:
    return isinstance(value, list) and None not in value and (value[0] > 0 or value[1] < 0)


def _slice(
    opened: OpenedModel, name: str, values: Sequence[Mapping[str, Any]], between: Sequence[Any]
) -> dict[str, Any]:
    shown = values[:_MOST_VALUES]
    by_value = {one["value"]: one for one in between}
    heads, metrics = zip(*SLICE_METRICS.get(opened.task, (("label mean", "label_mean"),)), strict=True)
    main = MAIN.get(opened.task, metrics[-1])
    spans = [by_value.get(one["value"], {}).get(main) for one in shown]
    whole = opened.part("metrics").get(main)
    ends = [end for span in spans if isinstance(span, list) for end in span]
    known = [value for value in (whole, *ends, *(one.get(main) for one in shown)) if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    wide = (high - low) or 1.0

    def place(value: float | None) -> float | None:
        return None if value is None else round(2 + 96 * (value - low) / wide, 2)

    rows = [
        {
            "value": _value(one["value"]),
            "rows": count(one["rows"]),
            "cells": [short(one.get(metric)) for metric in metrics],
            "interval": interval(span),
            "at": place(one.get(main)),
            "span": [place(end) for end in span] if interval(span) else None,
        }
        for one, span in zip(shown, spans, strict=True)
    ]
    return {
        "column": text(name),
        "heads": heads,
        "main": name_of(main),
        "rows": rows,
        "more": len(values) - len(rows),
        "whole": place(whole),
        "intervals": any(row["interval"] for row in rows),
    }


def _number(name: str, value: float | None) -> str:
    return _rows_text(value) if name == "rows" and value is not None else short(value)


def _rate(one: Mapping[str, Any]) -> str:
    return f"{_value(one['value'])} {percent_or_dash(one['rate'])}"


def _some(values: Sequence[str]) -> str:
    more = f" and {len(values) - _MOST_NAMED} more" if len(values) > _MOST_NAMED else ""
    return ", ".join(values[:_MOST_NAMED]) + more


def _value(value: Any) -> str:
    return "(missing)" if value is None else text(str(value))


def _where(gate: Mapping[str, Any]) -> str:
    if "slice" not in gate:
        return "all rows"
    value = "" if "slice_value" not in gate else f" {_value(gate['slice_value'])}"
    rows = gate.get("rows")
    return f"{text(str(gate['slice']))}{value}" + (f" ({count(rows)} rows)" if isinstance(rows, int) else "")


def _wanted(gate: Mapping[str, Any]) -> str:
    if gate.get("no_worse_by") is not None:
        champion = f", the champion has {short(gate['champion'])}" if gate.get("champion") is not None else ""
        return f"no worse than the champion by {short(gate['no_worse_by'])}{champion}"
    at_least = gate.get("at_least")
    return f"at most {gate['at_most']}" if at_least is None else f"at least {at_least}"
