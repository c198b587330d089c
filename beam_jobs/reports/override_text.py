"""A release though gates said no, for people."""

from collections.abc import Mapping
from typing import Any

from beam_jobs.reports.terminal_text import shown


def override_text(override: Mapping[str, Any]) -> str:
    """Return who released a bundle though its gates said no, and why.

    >>> said = {"who": "ann", "when": "2026-01-01T00:00:00Z", "why": "holidays", "gates": ["auc is 0.7, wanted more"]}
    >>> override_text(said)
    'OVERRIDDEN by ann, 2026-01-01T00:00:00Z: holidays (auc is 0.7, wanted more)'
    """
    gates = "; ".join(override["gates"])
    return shown(f"OVERRIDDEN by {override['who']}, {override['when']}: {override['why']} ({gates})")
