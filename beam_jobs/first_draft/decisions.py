"""What was decided of a sample: as plain values, and as a table for people."""

from collections.abc import Mapping
from typing import Any

from beam_jobs.reports.text_table import table
from schemas.inference.finding import NO_COLUMNS, Finding, Use
from schemas.inference.inferred import Inferred

_FEW_ROWS = 20
_HEAD = ("column", "type", "missing", "different", "taken for", "and")
_NO_FEATURE = frozenset((Use.DISTINCT, Use.CONSTANT, Use.KEY, Use.PERSONAL, Use.ID))


def decisions(inferred: Inferred) -> dict[str, Any]:
    """Return what was decided, as JSON has it; no value of the data but the classes of the label is in it."""
    target = inferred.target
    found: dict[str, Any] = {
        "data": inferred.where,
        "rows": inferred.rows,
        "more_rows": inferred.more,
        "unread_rows": inferred.unread,
        "columns_without_a_name": inferred.unnamed,
        "columns": [_decided(finding) for finding in inferred.findings],
    }
    if target is not None:
        classes = [str(one) for one in target.classes]
        found["label"] = {"column": target.name, "task": target.task, "classes": classes}
    return found


def decisions_text(found: Mapping[str, Any]) -> list[str]:
    """Return the table, and below it what to look at."""
    rows = [
        [
            one["name"],
            one["type"],
            f"{one['missing'] / max(one['rows'], 1):.1%}" if one["missing"] else "-",
            f"{one['different']:,}",
            one["taken_for"],
            one["and"],
        ]
        for one in found["columns"]
    ]
    size = f"the first {found['rows']:,} rows" if found["more_rows"] else f"{found['rows']:,} rows"
    lines = [f"judged from {size} of {found['data']}", *table(_HEAD, rows, texts=[1, 4, 5])]
    look_at = [f"  {one['name']}: {note}" for one in found["columns"] for note in one["look_at"]]
    if found["rows"] < _FEW_ROWS:
        look_at.insert(0, f"  {found['rows']} rows: too few to judge by, and to split in three; give more")
    if found["unread_rows"]:
        look_at.insert(0, f"  {found['unread_rows']:,} rows could not be read; a build keeps such with the reason")
    if found["columns_without_a_name"]:
        look_at.insert(0, f"  {found['columns_without_a_name']:,} columns have no name and are left out")
    if look_at:
        lines += ["", "look at:", *look_at]
    return lines


def _decided(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "type": "-" if finding.use in NO_COLUMNS else _type(finding),
        "rows": finding.rows,
        "missing": finding.missing,
        "different": finding.distinct,
        "taken_for": finding.use.value,
        "and": _besides(finding),
        "required": finding.required,
        "tags": list(finding.tags),
        "look_at": list(finding.look_at),
    }


def _type(finding: Finding) -> str:
    if finding.value_count is None:
        return finding.kind.name
    return f"{finding.kind.name} [{finding.value_count.fixed or '...'}]"


def _besides(finding: Finding) -> str:
    """Return in a few words what the schema says beside the type."""
    words = []
    if finding.form is not None:
        words.append(finding.form)
    elif finding.use is Use.TIME:
        words.append({"s": "seconds since 1970", "ms": "milliseconds since 1970"}[finding.unit or "s"])
    words += [tag for tag in finding.tags if not tag.startswith(("missing:", "time:"))]
    if any(tag.startswith("missing:") for tag in finding.tags):
        words.append("a text stands for missing")
    if finding.use in _NO_FEATURE or finding.use in NO_COLUMNS:
        words.append("no feature")
    return ", ".join(words) or "-"
