"""A column's values as shares of all, read off its statistics: pieces of the number line, or texts.

Statistics are what `inspection.statistics.look` gives. Nothing here needs NumPy: a page is made in a moment.
"""

import bisect
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

Statistics = Mapping[str, Any]
_POWER_OF_TWO = 0.5  # the mantissa of one


class NumberShares:
    """How much of a column's numbers lies where: pieces from `low` to `high` with their shares, in order."""

    def __init__(self, pieces: Sequence[tuple[float, float, float]]):
        self.pieces = pieces
        self._lows = [low for low, _, _ in pieces]
        self._ends = list(itertools.accumulate(share for _, _, share in pieces))

    @classmethod
    def of(cls, statistics: Statistics) -> "NumberShares | None":
        """Return the shares of a column, None if its statistics show no numbers.

        >>> quantiles = [{"from": 0.0, "to": 1.0, "count": 2}, {"from": 1.0, "to": 1.0, "count": 2}]
        >>> NumberShares.of({"quantiles": quantiles}).pieces
        [(0.0, 1.0, 0.5), (1.0, 1.0, 0.5)]
        """
        buckets = statistics.get("values") or statistics.get("quantiles") or statistics.get("histogram") or []
        if any(bucket[end] is None for bucket in buckets for end in ("from", "to", "count")):
            return None
        total = sum(bucket["count"] for bucket in buckets)
        return cls([(one["from"], one["to"], one["count"] / total) for one in buckets]) if total else None

    @property
    def points(self) -> bool:
        """Whether all pieces are single numbers: a column of few different ones."""
        return all(low == high for low, high, _ in self.pieces)

    @functools.cached_property
    def step(self) -> float | None:
        """The width of the inner pieces where they are all of one: a power of two, on whose multiples they end."""
        widths = {high - low for low, high, _ in self.pieces[1:-1]}
        step = widths.pop() if len(widths) == 1 else 0.0
        return step if step > 0 and math.frexp(step)[0] == _POWER_OF_TWO else None

    @property
    def middle(self) -> tuple[float, float]:
        """What a chart should span: all of it but the farthest tails."""
        pieces = self.pieces
        if self.step is not None:
            pieces = [piece for piece in pieces if piece[1] - piece[0] <= self.step]
        return pieces[0][0], pieces[-1][1]

    def between(self, value: float, within: bool) -> tuple[float, float]:
        """Return the least and the greatest share of numbers that can be below a value, or up to it."""
        after = bisect.bisect_right(self._lows, value) if within else bisect.bisect_left(self._lows, value)
        most = least = self._ends[after - 1] if after else 0.0
        for at in range(max(after - 2, 0), after):
            low, high, share = self.pieces[at]
            ends_here = high == value and not within and (self.step is None or at == len(self.pieces) - 1)
            if high > low and (high > value or ends_here):
                least -= share
        return least, most

    def below(self, value: float, within: bool = False) -> float:
        """Return the share of numbers below a value, or up to it."""
        after = bisect.bisect_right(self._lows, value) if within else bisect.bisect_left(self._lows, value)
        share = self._ends[after - 1] if after else 0.0
        for low, high, piece in self.pieces[max(after - 2, 0) : after]:  # a piece may end where another number stands
            if high > value and high > low:
                share -= piece * (high - value) / (high - low)
        return share


def text_shares(statistics: Statistics) -> dict[str, float]:
    """Return the shares of a column's texts that its statistics show, the most frequent first."""
    shown = statistics.get("ranks") or statistics.get("top_values") or []
    total = statistics.get("lists", {}).get("values") or statistics["count"]
    return {one["value"]: (one["count"] or 0.0) / total for one in shown} if total else {}


def missing_share(statistics: Statistics) -> float:
    """Return the share of rows without a value."""
    rows = (statistics["count"] or 0) + (statistics["missing"] or 0)
    return statistics["missing"] / rows if rows else 0.0
