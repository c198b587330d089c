"""What a page says of the numbers of an evaluation: headline, metrics, gates, slices, champion.

Everything is text here, ready for a template that escapes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.reports.candidates.decided import rows_text, value_text
from beam_jobs.reports.candidates.metric_names import HEADLINES, MAIN, better, name_of
from beam_jobs.reports.candidates.opened_model import OpenedModel
from beam_jobs.reports.comparison_text import compared_rows
from beam_jobs.reports.metrics_text import SLICE_METRICS, short
from beam_jobs.reports.sets.wording import count, text
from models.measures.numbers import numbers_in
from models.tasks import METRICS

_MOST_FIGURES = 12
_MOST_METRICS = 200
_MOST_GATES = 60
_MOST_SLICES = 20
_MOST_VALUES = 20


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
    known, between = numbers_in(opened.part("metrics")), opened.part("intervals").get("metrics", {})
    first = [name for name in HEADLINES.get(opened.task, ()) if known.get(name) is not None]
    own = [name for name in known if name not in METRICS and name not in first and name != "weight"]
    chosen = (first + own if first else list(known))[:_MOST_FIGURES]
    return [(name_of(name), short(known[name]), interval(between.get(name))) for name in chosen]


def metric_rows(opened: OpenedModel) -> list[tuple[str, str, str]]:
    """Return name, value and interval of all metrics that are one number."""
    between = opened.part("intervals").get("metrics", {})
    found = list(numbers_in(opened.part("metrics")).items())[:_MOST_METRICS]
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


def _better(name: str, compared: Mapping[str, Any]) -> str:
    return better(name, compared.get("difference"), compared.get("higher_is_better"))


def comparison(opened: OpenedModel) -> dict[str, Any] | None:
    """Return the candidate against the champion on the same rows: all metrics, and slices that differ for sure."""
    found = opened.found["comparison"]
    if found is None:
        return None
    rows = [
        [name_of(name), short(one.get("candidate")), short(one.get("champion")), signed(one.get("difference")),
         interval(one.get("interval")), _better(name, one)]
        for name, one in list(found["metrics"].items())[:_MOST_METRICS]
    ]  # fmt: skip
    certain = [
        [text(column), value_text(value["value"]), count(value["rows"]), name_of(name), signed(one["difference"]),
         interval(one["interval"]), _better(name, one)]
        for column, values in found.get("slices", {}).items()
        for value in values
        for name, one in value["metrics"].items()
        if isinstance(one, dict) and _is_certain(one.get("interval")) and _better(name, one)
    ]  # fmt: skip
    return {
        "champion": text(str(found.get("champion", ""))),
        "of_rows": text(compared_rows(found)),
        "rows": rows,
        "certain": certain[:_MOST_VALUES],
        "more": max(len(certain) - _MOST_VALUES, 0),
    }


def against(opened: OpenedModel, other: OpenedModel) -> list[list[str]]:
    """Return every metric that both have: name, both values, their difference, and whether it is for the better."""
    mine, theirs = numbers_in(opened.part("metrics")), numbers_in(other.part("metrics"))
    rows = []
    for name in [name for name in mine if name in theirs and name != "rows"][:_MOST_METRICS]:
        one, two = mine[name], theirs[name]
        apart = None if one is None or two is None else one - two
        rows.append([name_of(name), _number(name, one), _number(name, two), signed(apart), better(name, apart)])
    return rows


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
            "value": value_text(one["value"]),
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
    return rows_text(value) if name == "rows" and value is not None else short(value)


def _where(gate: Mapping[str, Any]) -> str:
    if "slice" not in gate:
        return "all rows"
    value = "" if "slice_value" not in gate else f" {value_text(gate['slice_value'])}"
    rows = gate.get("rows")
    return f"{text(str(gate['slice']))}{value}" + (f" ({count(rows)} rows)" if isinstance(rows, int) else "")


def _wanted(gate: Mapping[str, Any]) -> str:
    if gate.get("no_worse_by") is not None:
        champion = f", the champion has {short(gate['champion'])}" if gate.get("champion") is not None else ""
        return f"no worse than the champion by {short(gate['no_worse_by'])}{champion}"
    at_least = gate.get("at_least")
    return f"at most {gate['at_most']}" if at_least is None else f"at least {at_least}"
