"""Small charts as SVG text, drawn by hand: some series, each of a class of its own (`s0`, `s1`, ...) for the colour."""

import html
import itertools
import math
from collections.abc import Callable, Sequence

from beam_jobs.reports.sets.shares import NumberShares

_WIDTH, _HEIGHT, _FOOT, _HEAD = 360.0, 110.0, 16.0, 6.0
_BINS = 40
_MOST_BINS = 200
_MOST_POINTS = 60
Format = Callable[[float], str]


def distribution(series: Sequence[NumberShares | None], label: str, write: Format) -> str:
    """Return a chart of numbers: bars where there are few different ones, steps over bins else."""
    seen = [one for one in series if one is not None]
    points = sorted({low for one in seen for low, _, _ in one.pieces}) if all(one.points for one in seen) else []
    if points and len(points) <= _MOST_POINTS:
        return _svg(label, _bars(series, points), [write(points[0]), write(points[-1])] if points[1:] else [])
    low, high = min(one.middle[0] for one in seen), max(one.middle[1] for one in seen)
    return _svg(label, _steps(series, _edges(seen, low, high)), [write(low), write((low + high) / 2), write(high)])


def _edges(seen: Sequence[NumberShares], low: float, high: float) -> list[float]:
    """Return the edges of a chart's bins: those of the statistics where all have their edges on one grid."""
    steps = [one.step for one in seen]
    widest = max((step for step in steps if step is not None), default=0.0)
    if None in steps or (high - low) / widest > _MOST_BINS:
        return [low + (high - low) * at / _BINS for at in range(_BINS + 1)]
    first, last = math.floor(low / widest), math.ceil(high / widest)
    return [widest * at for at in range(first, max(last, first + 1) + 1)]


def _bars(series: Sequence[NumberShares | None], points: Sequence[float]) -> str:
    shares = [dict.fromkeys(points, 0.0) for _ in series]
    for found, one in zip(shares, series, strict=True):
        found.update({low: share for low, _, share in one.pieces} if one is not None else {})
    top = max((share for found in shares for share in found.values()), default=1.0) or 1.0
    slot = _WIDTH / len(points)
    wide = min(slot * 0.8, 60.0) / len(series)
    parts = []
    for number, found in enumerate(shares):
        for at, point in enumerate(points):
            tall = (_HEIGHT - _FOOT - _HEAD) * found[point] / top
            left = slot * (at + 0.5) + wide * (number - len(series) / 2)
            if tall > 0:
                place = f'x="{left:.1f}" y="{_HEIGHT - _FOOT - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
                parts.append(f'<rect class="b s{number}" {place}/>')
    return "".join(parts)


def _steps(series: Sequence[NumberShares | None], edges: Sequence[float]) -> str:
    found = []
    for one in series:
        ends = [0.0] * len(edges) if one is None else [one.below(edge) for edge in edges[:-1]]
        if one is not None:
            ends.append(one.below(edges[-1], within=True))
        found.append([end - start for start, end in itertools.pairwise(ends)])
    top = max((share for shares in found for share in shares), default=0.0) or 1.0
    parts = []
    for number, shares in enumerate(found):
        if series[number] is None:
            continue
        line, base, wide = [], _HEIGHT - _FOOT, _WIDTH / len(shares)
        for at, share in enumerate(shares):
            y = base - (base - _HEAD) * share / top
            line += [f"{wide * at:.1f},{y:.1f}", f"{wide * (at + 1):.1f},{y:.1f}"]
        path = " ".join(line)
        area = f"0,{base:.1f} {path} {_WIDTH:.1f},{base:.1f}"
        parts.append(f'<polygon class="a s{number}" points="{area}"/><polyline class="l s{number}" points="{path}"/>')
    return "".join(parts)


def _svg(label: str, body: str, ticks: Sequence[str]) -> str:
    base = _HEIGHT - _FOOT
    texts = []
    for at, tick in enumerate(ticks):
        x = _WIDTH * at / max(len(ticks) - 1, 1)
        anchor = "start" if at == 0 else "end" if at == len(ticks) - 1 else "middle"
        texts.append(f'<text x="{x:.0f}" y="{_HEIGHT - 3:.0f}" text-anchor="{anchor}">{html.escape(tick)}</text>')
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" aria-label="{html.escape(label)}">{body}'
        f'<line class="axis" x1="0" x2="{_WIDTH:.0f}" y1="{base:.1f}" y2="{base:.1f}"/>{"".join(texts)}</svg>'
    )
