"""What the page of a training set says: facts, splits, anomalies, rejected rows, what differs most, every column."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beam_jobs.reports.report_page import render
from beam_jobs.reports.sets import differences, drawing
from beam_jobs.reports.sets.differences import Difference
from beam_jobs.reports.sets.opened_set import OpenedSet
from beam_jobs.reports.sets.shares import NumberShares, Statistics, missing_share, text_shares
from beam_jobs.reports.sets.wording import count, figure, formats, percent, span, text
from beam_jobs.reports.text_table import number

TEMPLATE = "training_set.html"
_MOST_COLUMNS = 300
_MOST_VALUES = 8
_MOST_SLICES = 12
_MOST_CLASSES = 50
_FEW_ROWS = 100
_LEADING = 8
_KINDS = {"INT": "whole number", "FLOAT": "number", "STRING": "text", "BYTES": "text"}
_NUMBERS = ("mean", "std", "min", "median", "max")


@dataclasses.dataclass(frozen=True)
class Fact:
    """One line of a column's table: a name and a value per series."""

    name: str
    values: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Bars:
    """A text of a column: the lengths of its bars (0 to 1), one per series, and its shares in words."""

    value: str
    lengths: Sequence[float]
    shares: Sequence[str]
    span: str


@dataclasses.dataclass(frozen=True)
class Card:
    """A column as the page shows it."""

    name: str
    kind: str
    notes: Sequence[str]
    difference: Difference
    chart: str
    bars: Sequence["Bars"]
    facts: Sequence[Fact]
    same: str


def page(opened: OpenedSet, against: OpenedSet | None = None) -> str:
    """Return the page of a set as HTML: its splits side by side, or its first split against that of another set."""
    columns = _columns(opened, against)
    found = {name: differences.largest(series) for name, series in columns.items()}
    series = list(opened.splits) if against is None else _sides(opened, against)
    order = differences.ordered(found)
    cards = [_card(name, columns[name], series, found[name], opened) for name in order[:_MOST_COLUMNS]]
    return render(
        TEMPLATE,
        title=f"{opened.manifest.get('use_case', opened.name)}: {opened.name}",
        opened=opened,
        against=against,
        series=series,
        figures=_figures(opened),
        splits=[_split(opened, name) for name in opened.splits],
        earlier=[] if against is None else [_split(against, name) for name in against.splits],
        anomalies=opened.findings,
        rejections=_rejections(opened),
        leading=_leading(found, order),
        cards=cards,
        columns_not_shown=len(order) - len(cards),
        left_out=_left_out(opened),
        classes=_classes(opened),
        slices=_slices(opened),
        few_rows=_FEW_ROWS,
        fingerprint=text(str(opened.manifest.get("fingerprint", ""))[:12]) if "fingerprint" in opened.manifest else "",
        percent=percent,
    )


def compared(opened: OpenedSet, against: OpenedSet | None = None) -> list[dict[str, Any]]:
    """Return the columns that differ, what differs most first, as JSON values; no value of a field is among them."""
    found = {name: differences.largest(series) for name, series in _columns(opened, against).items()}
    return [
        {
            "column": name,
            "difference": round(found[name].share, 6),
            "between": list(found[name].between),
            "more_than_chance": found[name].told,
        }
        for name in differences.ordered(found)
        if found[name].share
    ]


def _columns(opened: OpenedSet, against: OpenedSet | None) -> dict[str, dict[str, Statistics]]:
    """Return every column's statistics by series."""
    if against is None:
        return {name: opened.column(name) for name in opened.columns}
    names = dict.fromkeys([*opened.columns, *against.columns])
    splits, found = _compared_splits(opened, against), {}
    for name in names:
        sides = [one.column(name).get(split) for one, split in zip((opened, against), splits, strict=True)]
        pairs = zip(_sides(opened, against), sides, strict=True)
        found[name] = {side: one for side, one in pairs if one is not None}
    return found


def _sides(opened: OpenedSet, against: OpenedSet) -> list[str]:
    return [opened.name, against.name] if opened.name != against.name else ["this set", "the other set"]


def _compared_splits(opened: OpenedSet, against: OpenedSet) -> tuple[str, str]:
    """Return the first split that both have, else the first of each: rows that were validated have no train."""
    both = next((name for name in opened.splits if name in against.splits), None)
    return (both, both) if both is not None else (next(iter(opened.splits)), next(iter(against.splits)))


def _figures(opened: OpenedSet) -> list[tuple[str, str]]:
    rows = opened.rows
    read = rows.get("read", sum(split["rows"] for split in opened.splits.values()))
    found = [("rows read", count(read))]
    if "rejected" in rows:
        found.append(("rejected", f"{count(rows['rejected'])} ({percent(rows['rejected'] / read if read else 0.0)})"))
    if rows.get("left_out"):
        found.append(("left out", f"{count(rows['left_out'])} ({percent(rows['left_out'] / read if read else 0.0)})"))
    found.append(("columns", count(len(opened.columns))))
    features = opened.manifest.get("feature_names")
    if isinstance(features, list):
        found.append(("features", count(len(features))))
    return found


def _split(opened: OpenedSet, name: str) -> dict[str, Any]:
    split, total = opened.splits[name], sum(one["rows"] for one in opened.splits.values())
    mean = opened.label_means.get(name)
    return {
        "name": name,
        "rows": count(split["rows"]),
        "share": split["rows"] / total if total else 0.0,
        "label": None if mean is None else number(mean, digits=4),
        "weight": None if "weight" not in split else number(split["weight"], digits=6),
    }


def _left_out(opened: OpenedSet) -> str:
    """Return how many rows are in no split, by cause."""
    causes = opened.manifest.get("left_out")
    known = causes.items() if isinstance(causes, dict) else ()
    return ", ".join(f"{text(str(cause))} {count(rows)}" for cause, rows in known if isinstance(rows, int))


def _classes(opened: OpenedSet) -> list[tuple[str, list[str]]]:
    """Return the rows of each class by split, the most frequent first; none of a label that numbers no classes."""
    by_split = opened.manifest.get("class_rows")
    if not isinstance(by_split, dict) or not all(isinstance(rows, dict) for rows in by_split.values()):
        return []
    known = [by_split.get(split, {}) for split in opened.splits]
    names = sorted(
        {name for rows in known for name in rows}, key=lambda name: -sum(rows.get(name, 0) for rows in known)
    )
    return [(text(name), [count(rows.get(name, 0)) for rows in known]) for name in names[:_MOST_CLASSES]]


def _rejections(opened: OpenedSet) -> list[tuple[str, str, str, float]]:
    total = max((one.get("count", 0) for one in opened.rejections), default=1) or 1
    return [
        (text(str(one.get("reason", ""))), text(str(one.get("field", "")) or "whole row"), count(rows), rows / total)
        for one in opened.rejections
        for rows in (one.get("count", 0),)
    ]


def _leading(found: Mapping[str, Difference], order: Sequence[str]) -> list[tuple[str, Difference, float]]:
    """Return what differs by more than chance, most first, with the length of its bar."""
    told = [name for name in order if found[name].told][:_LEADING]
    longest = found[told[0]].share if told else 1.0
    return [(name, found[name], found[name].share / longest) for name in told]


def _card(
    name: str, by_series: Mapping[str, Statistics], series: Sequence[str], found: Difference, opened: OpenedSet
) -> Card:
    seen = [by_series.get(one) for one in series]
    kinds = [_KINDS.get(one["type"], one["type"].lower()) for one in seen if one is not None]
    personal = any(one["personal"] for one in seen if one is not None)
    notes = ["personal: counts only"] if personal else []
    notes += ["several values"] if any(one is not None and "lists" in one for one in seen) else []
    notes += [f"only in {one}" for one in series if one in by_series and len(by_series) < len(series)]
    write = formats(opened.schema, name)
    numbers = [None if one is None else NumberShares.of(one) for one in seen]
    chart, bars = "", []
    if any(one is not None for one in numbers) and not personal:
        chart = drawing.distribution(numbers, f"distribution of {name}", write)
    elif not personal:
        bars = _value_bars(seen)
    facts, same = _facts(seen, write)
    return Card(name, kinds[0] if kinds else "", notes, found, chart, bars, facts, same)


def _value_bars(seen: Sequence[Statistics | None]) -> list[Bars]:
    """Return the most frequent texts, each with the length of a bar and a share per series."""
    shares = [{} if one is None else text_shares(one) for one in seen]
    frequent = sorted(
        {value for found in shares for value in found},
        key=lambda value: (-max(found.get(value, 0.0) for found in shares), value),
    )[:_MOST_VALUES]
    top = max((found.get(value, 0.0) for value in frequent for found in shares), default=1.0) or 1.0
    bars = []
    for value in frequent:
        own = [found.get(value, 0.0) for found in shares]
        bars.append(Bars(text(value), [share / top for share in own], list(map(percent, own)), span(own)))
    return bars


def _facts(seen: Sequence[Statistics | None], write: Callable[[float | None], str]) -> tuple[list[Fact], str]:
    """Return the lines in which series differ, and a sentence of those that are the same in all."""
    lines = [Fact("missing", ["-" if one is None else percent(missing_share(one)) for one in seen])]
    for name in _NUMBERS:
        if any(one is not None and name in one for one in seen):
            plain = name == "std"
            lines.append(Fact(name, [(figure if plain else write)((one or {}).get(name)) for one in seen]))
    if any(one is not None and one.get("zeros") for one in seen):
        lines.append(Fact("zeros", [_share_of(one, "zeros") for one in seen]))
    if any(one is not None and "distinct" in one for one in seen):
        lines.append(Fact("different texts", [count((one or {}).get("distinct")) for one in seen]))
        lines.append(Fact("average bytes", [number((one or {}).get("average_length"), digits=3) for one in seen]))
    if any(one is not None and "lists" in one for one in seen):
        lengths = [(one or {}).get("lists", {}) for one in seen]
        lines.append(Fact("values a row", [number(one.get("average"), digits=3) for one in lengths]))
        lines.append(Fact("most a row", [count(one.get("max")) for one in lengths]))
    if any(one is not None and one.get("weighted", {}).get("mean") is not None for one in seen):
        lines.append(Fact("weighted mean", [write((one or {}).get("weighted", {}).get("mean")) for one in seen]))
    differing = [one for one in lines if len(set(one.values)) > 1]
    same = [f"{one.name} {one.values[0]}" for one in lines if len(set(one.values)) == 1]
    return differing, ", ".join(same)


def _share_of(one: Statistics | None, name: str) -> str:
    if one is None or not one.get(name):
        return "-" if one is None else percent(0.0)
    return percent(one[name] / (one.get("lists", {}).get("values") or one["count"]))


def _slices(opened: OpenedSet) -> list[dict[str, Any]]:
    """Return, by column of slices, how many values it has, and those that have too few rows in a split to judge by."""
    found = []
    for column, values in opened.slices().items():
        least = {value: min(rows.get(split, 0) for split in opened.splits) for value, rows in values.items()}
        small = sorted((value for value in values if least[value] < _FEW_ROWS), key=lambda value: (least[value], value))
        listed = [(text(value), count(least[value])) for value in small[:_MOST_SLICES]]
        more = len(small) - len(listed)
        found.append({"column": column, "count": len(values), "small": listed, "more": more})
    return found


def write_page(path: pathlib.Path, opened: OpenedSet, against: OpenedSet | None = None) -> None:
    """Write the page."""
    path.write_text(page(opened, against), encoding="utf-8")
