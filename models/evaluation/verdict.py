"""The verdict: whether a candidate meets its gates, each with its value, its limit and where it looked."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.evaluation.comparison import Both, Compared
from models.gates import MIN_ROWS, Gate
from models.measures.fairness import FEWEST
from models.spec import ModelSpec

NO_CHAMPION, NO_VALUE = "no champion", "the champion has no value"


def verdict(
    spec: ModelSpec,
    overall: Mapping[str, Any],
    slices: Mapping[str, Sequence[Mapping[str, Any]]],
    champion: Compared | None,
    fairness: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return whether all gates are met, and each gate, one on a slice once per value that it looked at.

    `overall` are the metrics of all rows, `slices` those by column and value, of as many values as gates ask for,
    `fairness` by column how far its values are apart.
    """
    gates: list[dict[str, Any]] = []
    for gate in spec.gates:
        if gate.is_fairness:
            gates.append(_of_fairness(gate, (fairness or {}).get(gate.slice or "", {})))
        else:
            gates += _entries(gate, spec, overall, slices, champion)
    return {"passed": all(gate["passed"] for gate in gates), "gates": gates}


def fewest_rows(spec: ModelSpec, slice: str) -> int | None:
    """Return how many rows a value of a slice must have for a gate to look at it; None if no gate looks at any."""
    asked = [gate for gate in spec.gates if gate.slice == slice and not gate.is_fairness]
    return min((1 if gate.slice_value is not None else gate.min_rows or MIN_ROWS for gate in asked), default=None)


def _entries(
    gate: Gate,
    spec: ModelSpec,
    overall: Mapping[str, Any],
    slices: Mapping[str, Sequence[Mapping[str, Any]]],
    champion: Compared | None,
) -> Iterator[dict[str, Any]]:
    if gate.slice is None:
        yield _entry(gate, spec, overall, champion, champion.overall if champion is not None else None)
        return
    values = slices.get(gate.slice, [])
    rows = {one["value"]: one["rows"] for one in values}
    both = champion.slices[gate.slice] if champion is not None else {}
    held = champion is not None and gate.no_worse_by is not None
    if held:  # then the rows that count are those that both score
        rows = {value: _rows_of(both.get(value)) for value in rows}
    if gate.slice_value is not None:
        looked_at = [one for one in values if one["value"] == gate.slice_value]
        none = f"no test row of {gate.slice} {gate.slice_value}"
    else:
        least = gate.min_rows or MIN_ROWS
        looked_at = [one for one in values if rows[one["value"]] >= least]
        none = f"no value of {gate.slice} has {least:,} test rows{' that both score' if held else ''}"
    if not looked_at:
        yield {**_given(gate), "value": None, "passed": False, "why": none}
    for one in looked_at:
        entry = _entry(gate, spec, one, champion, both.get(one["value"]))
        yield {**entry, "slice_value": one["value"], "rows": rows[one["value"]]}


def _of_fairness(gate: Gate, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a gate on how far the values of a slice are apart; it fails where nothing can be said.

    Rates that are all 0 have no ratio, but are equal: that passes.
    """
    rate, _, apart = gate.metric.rpartition("_")
    compared = found.get(rate)
    value = None if compared is None else compared[apart]
    entry = {**_given(gate), "value": value, "limit": gate.limit(None, True), "passed": gate.passes(value)}
    if compared is None:
        entry["why"] = f"under two values of {gate.slice} have {FEWEST} rows that the rate is over"
    elif value is None:
        entry |= {"passed": True, "why": f"the rate is 0 for every value of {gate.slice}"}
    return entry


def _entry(
    gate: Gate, spec: ModelSpec, found: Mapping[str, Any], champion: Compared | None, both: Both | None
) -> dict[str, Any]:
    if gate.no_worse_by is None:
        value = found.get(gate.metric)
        return {**_given(gate), "value": value, "limit": gate.limit(None, True), "passed": gate.passes(value)}
    if champion is None:
        return {**_given(gate), "value": found.get(gate.metric), "passed": True, "why": NO_CHAMPION}
    # Against the champion the value is that of the rows that both score.
    value = None if both is None else both.candidate.get(gate.metric)
    of_champion = None if both is None else both.champion.get(gate.metric)
    higher = spec.higher_is_better(gate.metric) is True
    rows, of = _rows_of(both), found["rows"]
    entry = {**_given(gate), "value": value, "champion": of_champion}
    entry |= {"limit": gate.limit(of_champion, higher), "higher_is_better": higher}
    if of_champion is None:
        # Of every row it has none that could be had; of a part, it may have scored too little to have one.
        return {**entry, "passed": rows == of, "why": NO_VALUE}
    if gate.slice is None and rows < min(of, MIN_ROWS):
        return {**entry, "passed": False, "why": f"both score {rows:,} of {of:,} test rows, wanted {MIN_ROWS}"}
    return {**entry, "passed": gate.passes(value, of_champion, higher)}


def _rows_of(both: Both | None) -> int:
    """Return how many rows both score."""
    return 0 if both is None else int(both.candidate["rows"])


def _given(gate: Gate) -> dict[str, Any]:
    names = ("metric", "at_least", "at_most", "no_worse_by", "slice", "slice_value")
    return {name: getattr(gate, name) for name in names if getattr(gate, name) is not None}
