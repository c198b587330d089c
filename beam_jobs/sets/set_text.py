"""What was found of a set of rows, for people: the same lines from a validation and from a build."""

from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.reports.terminal_text import shown
from schemas.rejection_counts import rejections_text
from schemas.sets.anomaly import from_json

NO_ANOMALIES = "  no anomalies"


def rejected_lines(rejections: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the line of rejected rows by reason, none if there are none."""
    return [f"  rejected: {rejections_text(rejections)}"] if rejections else []


def anomaly_lines(anomalies: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line per anomaly, in their order.

    >>> from schemas.sets.anomaly import Anomaly
    >>> anomaly_lines([Anomaly("town", "CUSTOM_VALIDATION", "error", "presence.min_fraction", 0.9, 0.5).to_json()])
    ['  error: presence.min_fraction of town: 0.5, wanted 0.9']
    """
    return [f"  {shown(entry['severity'])}: {shown(str(from_json(entry)))}" for entry in anomalies]


def checked_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the lines of rows that were checked and of which nothing was built."""
    rows = result["rows"]
    first = f"{rows['read']:,} rows read = kept {rows['kept']:,}, rejected {rows['rejected']:,}"
    return [first, *rejected_lines(result["rejections"]), *(anomaly_lines(result["anomalies"]) or [NO_ANOMALIES])]
