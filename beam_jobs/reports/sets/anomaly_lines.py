"""Anomalies of a set as a page lists them: severity, and what is said."""

from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.reports.sets.wording import count, text
from beam_jobs.reports.terminal_text import shown
from schemas.errors import ArtifactError
from schemas.sets.anomaly import ERROR, WARNING, from_json


def anomalies(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return severity and text of every anomaly of an `anomalies.json`, errors first; rows rejected are told elsewhere.

    >>> entry = {"column": "tip", "limit": "presence.min_fraction", "wanted": 0.9, "found": 0.5}
    >>> anomalies({"limits": [entry]})
    [('error', 'presence.min_fraction of tip: 0.5, wanted 0.9')]
    """
    if "anomalies" in found:
        listed = [_named(entry) for entry in _entries(found["anomalies"])]
    else:  # as it was written before anomalies had severities
        listed = [*map(_limit, _entries(found.get("limits"))), *_unseen(found.get("unseen"))]
    return sorted(listed, key=lambda one: one[0] != ERROR)


def _entries(listed: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _named(entry: Mapping[str, Any]) -> tuple[str, str]:
    try:
        found = from_json(entry)
    except (KeyError, TypeError):
        raise ArtifactError("an anomaly in it is none of this version; copy the directory again") from None
    return (WARNING if found.severity == WARNING else ERROR), _line(str(found))


def _limit(entry: Mapping[str, Any]) -> tuple[str, str]:
    said = f"{entry.get('limit')} of {entry.get('column')}: {entry.get('found')}, wanted {entry.get('wanted')}"
    return ERROR, _line(said)


def _line(said: str) -> str:
    return " ".join(shown(said).split())


def _unseen(by_split: Any) -> list[tuple[str, str]]:
    listed = []
    for split, columns in by_split.items() if isinstance(by_split, dict) else ():
        for column, one in columns.items():
            values = ", ".join(text(value) for value in list(one.get("values", {}))[:3])
            which = f", as {values}" if values else ""
            rows, distinct = count(one.get("rows", 0)), count(one.get("distinct", 0))
            said = f"{column} ({split}): {rows} rows with {distinct} texts outside its domain{which}"
            listed.append((WARNING, _line(said)))
    return listed
