"""Anomalies of a set as a page lists them: severity, and what is said."""

from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.reports.sets.wording import count, text

_SEVERITIES = ("error", "warning")


def anomalies(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return severity and text of every anomaly, errors first; rows rejected are told elsewhere.

    >>> anomalies({"limits": [{"column": "tip", "limit": "presence.min_fraction", "wanted": 0.9, "found": 0.5}]})
    [('error', 'presence.min_fraction of tip: 0.5, wanted 0.9')]
    """
    listed = [*_named(found.get("anomalies")), *_limits(found.get("limits")), *_unseen(found.get("unseen"))]
    return sorted(listed, key=lambda one: (_SEVERITIES.index(one[0]), one[1]))


def _entries(listed: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _named(listed: Any) -> list[tuple[str, str]]:
    return [(_severity(one), _said(one)) for one in _entries(listed)]


def _severity(entry: Mapping[str, Any]) -> str:
    return "warning" if entry.get("severity") == "warning" else "error"


def _limits(listed: Any) -> list[tuple[str, str]]:
    return [("error", _said(one)) for one in _entries(listed)]


def _said(entry: Mapping[str, Any]) -> str:
    of = f" of {entry['column']}" if entry.get("column") else ""
    where = f" ({entry['where']})" if entry.get("where") else ""
    wanted = f", wanted {entry['wanted']}" if entry.get("wanted") is not None else ""
    return text_of(f"{entry.get('limit', entry.get('type', 'anomaly'))}{of}{where}: {entry.get('found')}{wanted}")


def text_of(line: str) -> str:
    """Return a line that holds names of the schema, as a page shows it."""
    return " ".join(line.split())


def _unseen(by_split: Any) -> list[tuple[str, str]]:
    listed = []
    for split, columns in by_split.items() if isinstance(by_split, dict) else ():
        for column, one in columns.items():
            values = ", ".join(text(value) for value in list(one.get("values", {}))[:3])
            which = f", as {values}" if values else ""
            rows, distinct = count(one.get("rows", 0)), count(one.get("distinct", 0))
            said = f"{column} ({split}): {rows} rows with {distinct} texts outside its domain{which}"
            listed.append(("warning", text_of(said)))
    return listed
