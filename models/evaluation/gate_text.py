"""A gate of a verdict in words. Imports nothing heavy."""

from collections.abc import Mapping
from typing import Any

from models.tasks import FAIRNESS


def gate_text(gate: Mapping[str, Any]) -> str:
    """Return what a gate asked for, where, and what it got; of any JSON object, for an evaluation may be altered.

    >>> gate_text({"metric": "auc", "at_least": 0.8, "limit": 0.8, "value": 0.75, "slice": "sex", "slice_value": "F"})
    'auc of sex F is 0.7500, wanted at least 0.8'
    >>> gate_text({"metric": "mae", "no_worse_by": 10, "champion": 90.0, "limit": 100.0, "value": 101.0})
    'mae is 101.0000, wanted at most 100.0000, the champion has 90.0000'
    """
    said = f"{gate.get('metric')}{_where(gate)} is {_number(gate.get('value'))}, wanted {wanted_text(gate)}"
    return f"{said} ({gate['why']})" if "why" in gate else said


def wanted_text(gate: Mapping[str, Any]) -> str:
    """Return the limit of a gate, of a verdict or of a spec: what is not given is missing or None.

    >>> wanted_text({"at_most": 3, "at_least": None}), wanted_text({"no_worse_by": 0.01})
    ('at most 3', 'no worse than the champion by more than 0.01')
    """
    if gate.get("no_worse_by") is None:
        return f"at most {gate.get('at_most')}" if gate.get("at_least") is None else f"at least {gate['at_least']}"
    if gate.get("limit") is None:
        return f"no worse than the champion by more than {gate['no_worse_by']}"
    below = gate.get("higher_is_better") is True
    limit, champion = _number(gate["limit"]), _number(gate.get("champion"))
    return f"{'at least' if below else 'at most'} {limit}, the champion has {champion}"


def asked_text(gate: Mapping[str, Any]) -> str:
    """Return a gate of a spec in words.

    >>> asked_text({"metric": "auc", "at_least": 0.8, "slice": "sex", "min_rows": 50})
    'auc of every sex of 50 rows at least 0.8'
    >>> asked_text({"metric": "selection_rate_ratio", "at_least": 0.8, "slice": "sex", "slice_value": None})
    'selection_rate_ratio over sex at least 0.8'
    """
    where = _where(gate)
    if gate["metric"] in FAIRNESS:
        where = f" over {gate['slice']}"
    elif gate.get("slice") is not None and gate.get("slice_value") is None:
        where = f" of every {gate['slice']}" + (f" of {gate['min_rows']} rows" if gate.get("min_rows") else "")
    return f"{gate['metric']}{where} {wanted_text(gate)}"


def _where(gate: Mapping[str, Any]) -> str:
    if gate.get("slice") is None:
        return ""
    if "slice_value" not in gate:
        return f" of {gate['slice']}"
    return f" of {gate['slice']} {'(missing)' if gate['slice_value'] is None else gate['slice_value']}"


def _number(value: Any) -> str:
    if not isinstance(value, int | float):
        return "-"
    return f"{value:.4f}" if abs(value) < 1_000 else f"{value:,.1f}"
