"""Charts of a search as SVG text, drawn by hand for the width of a telephone: classes give the colours."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.reports.metrics_text import short
from beam_jobs.reports.text_table import number

_WIDTH, _LEFT, _RIGHT = 360.0, 56.0, 8.0
_HISTORY, _FOOT, _HEAD = 190.0, 30.0, 10.0
_ROW = 46.0  # from one axis of the parallel coordinates to the next
_LETTERS = 26
_DIGITS = 4


def history(trials: Sequence[Mapping[str, Any]], metric: str, smallest_is_best: bool) -> str:
    """Return the chart of every complete trial's value, and the best so far, in the order of their numbers."""
    done = [(trial["number"], trial["value"]) for trial in trials if trial["value"] is not None]
    last = max((trial["number"] for trial in trials), default=0)
    low, high = _ends([value for _, value in done])
    bottom = _HISTORY - _FOOT

    def at(trial: int, value: float) -> tuple[float, float]:
        across = _LEFT + (_WIDTH - _LEFT - _RIGHT) * (trial / last if last else 0.5)
        return across, bottom - (bottom - _HEAD) * (value - low) / (high - low)

    best, steps = None, []
    for trial, value in done:
        if best is None or (value < best if smallest_is_best else value > best):
            steps.append(at(trial, value if best is None else best))
            best = value
            steps.append(at(trial, value))
    if best is not None:
        steps.append(at(last, best))
    dots = "".join(
        f'<circle class="trial" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>trial {trial}: {short(value)}</title></circle>'
        for trial, value in done
        for x, y in (at(trial, value),)
    )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in steps)
    parts = [
        *(_level(low + (high - low) * share, at(0, low + (high - low) * share)[1]) for share in (0.0, 0.5, 1.0)),
        f'<polyline class="best" points="{line}"/>',
        dots,
        _text(_LEFT, _HISTORY - 12, "trial 0", "start"),
        _text(_WIDTH - _RIGHT, _HISTORY - 12, str(last), "end"),
    ]
    return _svg(f"{metric} of every trial and the best so far", _HISTORY, parts)


def parallel_coordinates(
    trials: Sequence[Mapping[str, Any]], space: Mapping[str, Mapping[str, Any]], metric: str, smallest_is_best: bool
) -> str:
    """Return the chart with an axis for each parameter and one for the metric, and a line for each complete trial.

    Axes lie one below the other, so that many fit a narrow page. The better a trial, the darker its line.
    """
    done = [trial for trial in trials if trial["value"] is not None]
    done.sort(key=lambda trial: trial["value"], reverse=smallest_is_best)  # the best is drawn last
    low, high = _ends([trial["value"] for trial in done])
    height = _ROW * (len(space) + 1)
    lines = []
    for rank, trial in enumerate(done):
        shares = [_share(trial["parameters"].get(name), about) for name, about in space.items()]
        shares.append((trial["value"] - low) / (high - low))
        points = " ".join(f"{_across(share):.1f},{_axis(at):.1f}" for at, share in enumerate(shares))
        is_best = rank == len(done) - 1
        look = 'class="first"' if is_best else f'class="line" opacity="{0.12 + 0.5 * (rank / len(done)) ** 2:.2f}"'
        lines.append(
            f'<polyline {look} points="{points}">'
            f"<title>trial {trial['number']}: {short(trial['value'])}</title></polyline>"
        )
    axes = [_of_axis(at, name, _marks(about)) for at, (name, about) in enumerate(space.items())]
    axes.append(_of_axis(len(space), metric, [(0.0, short(low)), (1.0, short(high))]))
    return _svg(f"parameters and {metric} of every complete trial", height, [*lines, *axes])


def _marks(about: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Return what is written at an axis: places from 0 to 1, and texts."""
    if about["is"] == "choice":
        return [(_share(one, about), str(one)) for one in about["options"]]
    return [(0.0, number(about["low"], _DIGITS)), (1.0, number(about["high"], _DIGITS))]


def _share(value: Any, about: Mapping[str, Any]) -> float:
    """Return where a value is on its axis, 0 to 1."""
    if about["is"] == "choice":
        options = about["options"]
        return options.index(value) / (len(options) - 1) if value in options else 0.0
    if value is None:
        return 0.0
    low, high = about["low"], about["high"]
    if about["log"]:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def _of_axis(at: int, name: str, marks: Sequence[tuple[float, str]]) -> str:
    y = _axis(at)
    shown = name if len(name) <= _LETTERS else name[: _LETTERS - 3] + "..."
    parts = [
        f'<line class="axis" x1="{_across(0):.1f}" x2="{_across(1):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>',
        _text(_WIDTH / 2, y - 16, shown, "middle", "name"),
    ]
    room = max(3, int(44 / max(len(marks), 1)))
    for share, text in marks:
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        cut = text if len(text) <= room else text[: room - 1] + "…"
        parts.append(_text(_across(share), y + 12, cut, anchor))
    return "".join(parts)


def _axis(at: int) -> float:
    return _ROW * at + 28


def _across(share: float) -> float:
    return _RIGHT + (_WIDTH - 2 * _RIGHT) * share


def _level(value: float, y: float) -> str:
    return (
        f'<line class="grid" x1="{_LEFT:.0f}" x2="{_WIDTH - _RIGHT:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f"{_text(_LEFT - 5, y + 3, short(value), 'end')}"
    )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the most, apart from each other."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _text(x: float, y: float, text: str, anchor: str, name: str = "mark") -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(label: str, height: float, parts: Sequence[str]) -> str:
    name = html.escape(label, quote=True)
    return f'<svg viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" aria-label="{name}">' + "".join(parts) + "</svg>"
