"""Charts with two axes as SVG text, drawn by hand, a few kB each; a series has a class of its own for its colour.

What does not fit on a chart as a number (null in JSON) is left out.
"""

import dataclasses
import html
import itertools
import math
from collections.abc import Sequence

_WIDTH, _HEIGHT = 360.0, 230.0
_LEFT, _RIGHT, _TOP, _FOOT, _NAME = 44.0, 8.0, 8.0, 36.0, 16.0
_TICKS = 5
_PADDING = 0.05
_NICE = (1, 2, 2.5, 5, 10)
Numbers = Sequence[float | None]


@dataclasses.dataclass(frozen=True)
class Axis:
    """An axis: what it says, and its ends."""

    name: str
    low: float
    high: float

    @classmethod
    def over(cls, name: str, *values: Numbers, zero: bool = False) -> "Axis":
        """Return an axis over all values, from 0 if `zero`; it has a length even if all are the same.

        >>> Axis.over("rows", [3.0, None, 5.0], zero=True)
        Axis(name='rows', low=0.0, high=5.0)
        """
        known = [value for part in values for value in part if value is not None]
        low, high = min(known, default=0.0), max(known, default=1.0)
        low = min(low, 0.0) if zero else low
        if low == high:
            low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
        return cls(name, low, high)

    def padded(self) -> "Axis":
        """Return it a little longer at both ends, so that no dot lies on its edge.

        >>> Axis("", 0, 1).padded()
        Axis(name='', low=-0.05, high=1.05)
        """
        more = (self.high - self.low) * _PADDING
        return Axis(self.name, self.low - more, self.high + more)

    def at(self, value: float) -> float:
        """Return where a value is, 0 to 1; one beyond an end is at it."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def ticks(self) -> list[float]:
        """Return round numbers on it.

        >>> Axis("", 0, 1).ticks(), Axis("", 2, 47).ticks()
        ([0.0, 0.25, 0.5, 0.75, 1.0], [20.0, 40.0])
        """
        rough = (self.high - self.low) / (_TICKS - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(nice * power for nice in _NICE if nice * power >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(at * step, 12) for at in range(first, last + 1)]


@dataclasses.dataclass(frozen=True)
class Line:
    """Points of a series, joined; with `dots` each has a dot of that radius."""

    x: Numbers
    y: Numbers
    series: int = 0
    dots: Sequence[float] = ()


@dataclasses.dataclass(frozen=True)
class Bars:
    """Bars of a series between edges, one more than there are bars."""

    edges: Sequence[float]
    heights: Numbers
    series: int = 0


def plot(
    label: str,
    x: Axis,
    y: Axis,
    drawn: Sequence[Line | Bars],
    reference: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> str:
    """Return a chart; `label` says to those who do not see it what it is, `reference` are the ends of a dotted line."""
    parts = [_axes(x, y)]
    if reference is not None:
        (x1, y1), (x2, y2) = ((_x(x, one), _y(y, other)) for one, other in reference)
        parts.append(f'<line class="ref" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')
    for one in drawn:
        parts.append(_line(x, y, one) if isinstance(one, Line) else _bars(x, y, one))
    view = f"0 0 {_WIDTH:.0f} {_HEIGHT if x.name else _HEIGHT - _NAME:.0f}"
    return f'<svg class="plot" viewBox="{view}" role="img" aria-label="{html.escape(label)}">{"".join(parts)}</svg>'


def tick(value: float) -> str:
    """Return a number as an axis has it.

    >>> tick(0.25), tick(1500.0), tick(2_500_000.0), tick(-0.0)
    ('0.25', '1,500', '2.5M', '0')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e5, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.4g}{letter}"
    if abs(value) < 1e-3 and value:
        return f"{value:.2g}"
    return f"{value or 0.0:,.6g}" if abs(value) < 1000 else f"{value:,.0f}"


def _x(axis: Axis, value: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * axis.at(value)


def _y(axis: Axis, value: float) -> float:
    return _HEIGHT - _FOOT - (_HEIGHT - _FOOT - _TOP) * axis.at(value)


def _axes(x: Axis, y: Axis) -> str:
    base, parts = _HEIGHT - _FOOT, []
    for value in y.ticks():
        at = _y(y, value)
        parts.append(f'<line class="grid" x1="{_LEFT:.0f}" x2="{_WIDTH - _RIGHT:.0f}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 5:.0f}" y="{at + 3.5:.1f}" text-anchor="end">{tick(value)}</text>')
    for value in x.ticks():
        at = _x(x, value)
        anchor = "end" if at > _WIDTH - _RIGHT - 12 else "middle"
        parts.append(f'<text x="{at:.1f}" y="{base + 14:.0f}" text-anchor="{anchor}">{tick(value)}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT:.0f}" x2="{_WIDTH - _RIGHT:.0f}" y1="{base:.1f}" y2="{base:.1f}"/>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    name = html.escape(x.name)
    parts.append(f'<text class="name" x="{middle:.0f}" y="{_HEIGHT - 5:.0f}" text-anchor="middle">{name}</text>')
    return "".join(parts)


def _line(x: Axis, y: Axis, line: Line) -> str:
    known = [
        (_x(x, one), _y(y, other), at)
        for at, (one, other) in enumerate(zip(line.x, line.y, strict=True))
        if one is not None and other is not None
    ]
    points = " ".join(f"{one:.1f},{other:.1f}" for one, other, _ in known)
    drawn = f'<polyline class="l s{line.series}" points="{points}"/>' if len(known) > 1 else ""
    if line.dots:
        radii = [(one, other, line.dots[at]) for one, other, at in known]
        found = (f'cx="{one:.1f}" cy="{other:.1f}" r="{radius:.1f}"' for one, other, radius in radii)
        drawn += "".join(f'<circle class="d s{line.series}" {place}/>' for place in found)
    return drawn


def _bars(x: Axis, y: Axis, bars: Bars) -> str:
    parts, base = [], _y(y, max(y.low, 0.0))
    for (low, high), height in zip(itertools.pairwise(bars.edges), bars.heights, strict=True):
        if not height:
            continue
        left, right, top = _x(x, low), _x(x, high), _y(y, height)
        place = f'x="{left:.1f}" y="{min(top, base):.1f}" width="{max(right - left - 0.6, 0.6):.1f}"'
        parts.append(f'<rect class="h s{bars.series}" {place} height="{abs(base - top):.1f}"/>')
    return "".join(parts)
