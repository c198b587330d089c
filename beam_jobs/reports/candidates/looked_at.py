"""What a page says of what a model looks at: importance as bars, dependence as charts or, of texts, as bars."""

from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.reports.candidates.plots import Axis, Line, plot
from beam_jobs.reports.metrics_text import short
from beam_jobs.reports.sets.wording import count, percent, text
from beam_jobs.reports.text_table import number

_MOST_FIELDS = 20
_MOST_FEATURES = 60
_MOST_LINES = 6
_DOT = 2.2


def looked_at(found: Mapping[str, Any] | None, other: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Return what the page says of an explanation, beside that of another model if there is one."""
    if found is None:
        return None
    longest = max((one["share"] for side in (found, other or {}) for one in side.get("fields", [])), default=1.0) or 1.0
    theirs = {one["field"]: one["share"] for one in (other or {}).get("fields", [])}
    fields = [
        {
            "name": text(one["field"]),
            "lengths": [one["share"] / longest, *([theirs.get(one["field"], 0.0) / longest] if other else [])],
            "share": percent(one["share"]),
            "mean": number(one["mean_abs"]),
        }
        for one in found["fields"][:_MOST_FIELDS]
    ]
    features = [
        [text(one["feature"]), str(one["columns"]), text(", ".join(one["fields"]) or "constant"),
         number(one["mean_abs"]), percent(one["share"]), "-" if one.get("gain") is None else percent(one["gain"])]
        for one in found["features"][:_MOST_FEATURES]
    ]  # fmt: skip
    return {
        "rows": count(found["rows"]),
        "of_rows": count(found["of_rows"]),
        "seed": found["seed"],
        "margin": text(found["margin"]),
        "gap": number(found["largest_gap"], digits=2),
        "bias": number(found["bias"]),
        "fields": fields,
        "more_fields": len(found["fields"]) - len(fields),
        "features": features,
        "more_features": len(found["features"]) - len(features),
        "has_gain": any("gain" in one for one in found["features"]),
        "dependence": [_card(one, found) for one in found["dependence"] if _says_something(one)],
    }


def _says_something(line: Mapping[str, Any]) -> bool:
    return len(line["values"]) + sum("missing" in one for one in _lines(line)[:1]) > 1


def _lines(line: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return line.get("classes") or [line]


def _card(line: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card: a chart of numbers, or a bar per text; a class or more each has its series."""
    is_field = "field" in line
    name = line["field"] if is_field else line["feature"]
    lines = _lines(line)[:_MOST_LINES]
    notes = []
    if not is_field:
        notes.append(f"a feature of {', '.join(map(text, line['fields']))}, by the values that the model sees")
    if line.get("unchanged"):
        notes.append(f"left as they are: {_some(line['unchanged'])}, made of other fields too")
    missing = [one.get("missing") for one in lines]
    if any(value is not None for value in missing):
        notes.append(f"missing: {', '.join(map(short, missing))}")
    means = [value for one in lines for value in (*one["mean_score"], one.get("missing")) if value is not None]
    if len(lines) == 1 and means:
        notes.insert(0, f"from {short(min(means))} to {short(max(means))}")
    card: dict[str, Any] = {
        "name": text(name),
        "kind": "field" if is_field else "feature",
        "note": "; ".join(notes),
        "legend": [text(str(one["class"])) for one in lines] if "classes" in line else [],
        "svg": "",
        "bars": [],
    }
    values = line["values"]
    if values and all(isinstance(value, int | float) for value in values):
        x, y = Axis.over("", values), Axis.over("mean score", *(one["mean_score"] for one in lines)).padded()
        dots = [_DOT] * len(values)
        drawn = [Line([float(value) for value in values], one["mean_score"], at, dots) for at, one in enumerate(lines)]
        card["svg"] = plot(f"mean score by {name}", x, y, drawn)
        return card
    longest = max((abs(mean) for one in lines for mean in one["mean_score"]), default=1.0) or 1.0
    shares = line.get("shares", [None] * len(values))
    for at, (value, share) in enumerate(zip(values, shares, strict=True)):
        means = [one["mean_score"][at] for one in lines]
        of_rows = "" if share is None else percent(share)
        lengths = [abs(mean) / longest for mean in means]
        card["bars"].append(
            {"value": text(str(value)), "lengths": lengths, "means": list(map(short, means)), "rows": of_rows}
        )
    return card


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(text, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
