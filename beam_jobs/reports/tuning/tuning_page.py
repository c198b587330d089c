"""The page of a search, which opens offline: history, the parameters of good trials, which mattered, all trials."""

import pathlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.reports.metrics_text import short
from beam_jobs.reports.report_page import render
from beam_jobs.reports.text_table import number
from beam_jobs.reports.tuning import drawing

TEMPLATE = "tuning.html"
_MOST_TRIALS = 500
_STATES = ("complete", "pruned", "failed")
_DIGITS = 5


def write_page(path: pathlib.Path, title: str, found: Mapping[str, Any], repeatable: bool) -> None:
    """Write the page of what `trials.json` holds."""
    path.write_text(page(title, found, repeatable), encoding="utf-8")


def page(title: str, found: Mapping[str, Any], repeatable: bool) -> str:
    """Return the page of what `trials.json` holds, as HTML."""
    trials, metric, minimized = found["trials"], found["metric"], found["direction"] == "minimize"
    order = sorted(trials, key=lambda trial: _rank(trial, minimized))
    best = order[0] if order and order[0]["value"] is not None else None
    counts = Counter(trial["state"] for trial in trials)
    figures = [
        (f"{metric} on eval, the best", short(None if best is None else best["value"])),
        *_own(found, trials),
        (f"trials: {', '.join(f'{counts[state]} {state}' for state in _STATES if counts[state])}", f"{len(trials):,}"),
        ("rounds of the best", "-" if best is None else f"{best['rounds']:,}"),
    ]
    most = max(found["importance"].values(), default=1.0) or 1.0
    return render(
        TEMPLATE,
        title=title,
        metric=metric,
        how=_how(found, repeatable),
        figures=figures,
        history=drawing.history(trials, metric, minimized),
        coordinates=drawing.parallel_coordinates(trials, found["space"], metric, minimized),
        importance=[(name, share / most, f"{share:.0%}") for name, share in found["importance"].items()],
        names=list(found["space"]),
        rows=[_row(trial, found["space"]) for trial in order[:_MOST_TRIALS]],
        more=max(0, len(order) - _MOST_TRIALS),
        best=None if best is None else best["number"],
    )


def _how(found: Mapping[str, Any], repeatable: bool) -> str:
    again = (
        "The same search makes the same trials."
        if repeatable
        else "Not repeatable: several trials ran at a time, and it matters which end first."
    )
    way = "less" if found["direction"] == "minimize" else "more"
    return (
        f"By {found['metric']} on eval, of which {way} is better. Sampler {found['sampler']}, "
        f"pruner {found['pruner']}, seed {found['seed']}. {again}"
    )


def _own(found: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [("with the model's own parameters", short(trials[0]["value"]))] if found["own_parameters_first"] else []


def _rank(trial: Mapping[str, Any], minimized: bool) -> tuple[int, float, int]:
    value = trial["value"]
    place = 0.0 if value is None else value if minimized else -value
    return _STATES.index(trial["state"]), place, trial["number"]


def _row(trial: Mapping[str, Any], space: Mapping[str, Any]) -> dict[str, Any]:
    values = [trial["parameters"].get(name) for name in space]
    return {
        "number": trial["number"],
        "state": trial["state"],
        "value": short(trial["value"]),
        "rounds": "-" if trial["rounds"] is None else f"{trial['rounds']:,}",
        "seconds": f"{trial['seconds']:.1f}",
        "parameters": [one if isinstance(one, str) else number(one, _DIGITS) for one in values],
        "reason": trial["reason"] or "",
    }
