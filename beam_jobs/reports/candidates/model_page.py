"""The page of a model, and the same numbers as JSON."""

import base64
import hashlib
import pathlib
from collections.abc import Callable
from typing import Any

from beam_jobs.reports.candidates import curve_charts, decided, looked_at, measured
from beam_jobs.reports.candidates.opened_model import OpenedModel
from beam_jobs.reports.report_page import packaged, render
from beam_jobs.reports.sets.wording import count, figure, text
from models.measures.numbers import numbers_in
from schemas.errors import ArtifactError, InputError

_SCRIPT = "thresholds.js"
_MOST_PARAMETERS = 60
_SHORT = 12


def page(opened: OpenedModel, against: OpenedModel | None = None) -> str:
    """Return the page of a model as HTML, beside another one's if there is one.

    Raises `ArtifactError` for an evaluation that is not as `evaluate` writes it.
    """
    script = packaged(_SCRIPT)
    return render(
        "candidate.html",
        **_of(opened, lambda: _values(opened, against)),
        script=script,
        # A policy that names what may run: a text of the data that came through as a script would not.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def as_json(opened: OpenedModel, against: OpenedModel | None = None) -> dict[str, Any]:
    """Return what the page is made of, as plain JSON values."""
    found: dict[str, Any] = {
        "name": opened.name,
        "kind": opened.kind,
        "use_case": opened.use_case,
        "task": opened.task,
        "passed": opened.passed,
        **{name: part for name, part in opened.found.items() if part is not None},
    }
    if opened.training:
        found["training"] = dict(opened.training)
    if against is not None:
        mine, theirs = (numbers_in(one.part("metrics")) for one in (opened, against))
        found["against"] = {
            "name": against.name,
            "same_rows": _same_rows(opened, against),
            "metrics": {
                name: {"this": value, "other": theirs[name], "difference": _difference(value, theirs[name])}
                for name, value in mine.items()
                if name in theirs
            },
        }
    return found


def check_against(opened: OpenedModel, against: OpenedModel) -> None:
    """Raise `InputError` for two models that predict different things."""
    for what, one, other in (("use case", opened.use_case, against.use_case), ("task", opened.task, against.task)):
        if one != other:
            raise InputError(
                f"{against.path}: of {what} {text(other)}, {opened.path} is of {text(one)}; give another with --against"
            )


def write_page(path: pathlib.Path, opened: OpenedModel, against: OpenedModel | None = None) -> None:
    """Write the page."""
    path.write_text(page(opened, against), encoding="utf-8")


def _of(opened: OpenedModel, made: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return made()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise ArtifactError(
            f"{opened.path}: its evaluation is not as onegraph writes it ({type(error).__name__}); evaluate it again"
        ) from None


def _values(opened: OpenedModel, against: OpenedModel | None) -> dict[str, Any]:
    sides = [opened] if against is None else [opened, against]
    names = _names(opened, against)
    curves = [(name, one.part("curves"), one.part("metrics")) for name, one in zip(names, sides, strict=True)]
    found_gates, more_gates = measured.gates(opened)
    found_slices, more_slices = measured.slices(opened)
    explanation = opened.found["explanation"]
    return {
        "title": f"{text(opened.use_case)}: {text(opened.name)}",
        "kind": opened.kind,
        "lead": _lead(opened),
        "passed": opened.passed,
        "names": names,
        "figures": measured.figures(opened),
        "interval_note": _interval_note(opened),
        "gates": found_gates,
        "more_gates": more_gates,
        "against": None if against is None else measured.against(opened, against),
        "same_rows": against is None or _same_rows(opened, against),
        "comparison": measured.comparison(opened),
        "charts": curve_charts.charts(curves),
        "history": curve_charts.history(opened.training),
        "confusion": decided.confusion(opened),
        "thresholds": decided.thresholds(opened),
        "classes": decided.classes(opened),
        "slices": found_slices,
        "more_slices": more_slices,
        "fairness": decided.fairness(opened),
        "explanation": looked_at.looked_at(explanation, None if against is None else against.found["explanation"]),
        "metrics": measured.metric_rows(opened),
        "parameters": _parameters(opened),
    }


def _names(opened: OpenedModel, against: OpenedModel | None) -> list[str]:
    if against is None:
        return [text(opened.name)]
    if opened.name == against.name:
        return ["this model", "the other model"]
    return [text(opened.name), text(against.name)]


def _lead(opened: OpenedModel) -> str:
    model, rows = opened.model, opened.part("metrics").get("rows")
    said = [f"A {opened.kind} of task {text(opened.task)}"]
    if "family" in model:
        said.append(f"family {text(str(model['family']))}")
    if isinstance(opened.manifest.get("rounds"), int):
        said.append(f"{count(opened.manifest['rounds'])} rounds")
    if isinstance(rows, int):
        said.append(f"measured on {count(rows)} test rows")
    if opened.trained_on:
        said.append(f"training set {text(opened.trained_on[:_SHORT])}")
    return ", ".join(said) + "."


def _interval_note(opened: OpenedModel) -> str:
    between = opened.part("intervals")
    if not between:
        return ""
    level = between.get("level")
    share = f"{level:.0%} " if isinstance(level, float) else ""
    draws = between.get("draws")
    of = f", {count(draws)} draws" if isinstance(draws, int) else ""
    return f"{share}intervals: {text(str(between.get('method', '')))}{of}, seed {between.get('seed', '-')}."


def _parameters(opened: OpenedModel) -> list[tuple[str, str]]:
    found = opened.training.get("parameters", {})
    return [
        (text(str(name)), figure(value) if type(value) in (int, float) else text(str(value)))
        for name, value in list(found.items())[:_MOST_PARAMETERS]
    ]


def _same_rows(opened: OpenedModel, against: OpenedModel) -> bool:
    return opened.trained_on is not None and opened.trained_on == against.trained_on


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
