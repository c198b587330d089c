"""Anomalies of a set of rows as people read them."""

import pathlib
from collections.abc import Sequence
from typing import Any

from beam_jobs.reports.terminal_text import shown
from schemas.errors import ArtifactError
from schemas.sets.anomaly import from_json


def anomaly_lines(entries: Sequence[Any], where: str | pathlib.Path) -> list[str]:
    """Return a line per anomaly; raises `ArtifactError`, naming `where`, for what is none."""
    try:
        found = [from_json(entry) for entry in entries]
        return [f"  {shown(one.severity)}: {shown(str(one))}" for one in found] or ["  no anomalies"]
    except (KeyError, TypeError, ValueError):
        raise ArtifactError(f"{where}: an anomaly in it is none of this version; copy the directory again") from None
