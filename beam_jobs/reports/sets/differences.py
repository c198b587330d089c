"""How far two sets of rows are apart in one column, as a share of rows from 0 to 1, and what chance alone would do."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

from beam_jobs.reports.sets.shares import NumberShares, Statistics, missing_share, text_shares

_CHANCE = 1.63  # the Kolmogorov-Smirnov statistic of equal distributions exceeds it in one of a hundred cases


@dataclasses.dataclass(frozen=True)
class Difference:
    """The largest difference of a share between two of several sets; `chance` is what equal ones rarely exceed."""

    share: float = 0.0
    of: str = ""
    between: tuple[str, str] = ("", "")
    chance: float = 0.0

    @property
    def told(self) -> bool:
        """Whether it is more than chance."""
        return self.share > self.chance


def largest(series: Mapping[str, Statistics]) -> Difference:
    """Return the largest difference of a column between any two of the named statistics of it.

    It is how far its shares of missing values, of one text, or of numbers up to any limit are apart.

    >>> few, many = {"type": "INT", "count": 9, "missing": 1}, {"type": "INT", "count": 5, "missing": 5}
    >>> largest({"train": few, "test": many}).of
    'missing'
    """
    found = [_between(pair, series[pair[0]], series[pair[1]]) for pair in itertools.combinations(series, 2)]
    return max(found, key=lambda one: (one.told, one.share), default=Difference())


def _between(names: tuple[str, str], one: Statistics, other: Statistics) -> Difference:
    gap, of = abs(missing_share(one) - missing_share(other)), "missing"
    if one["count"] and other["count"]:
        apart, what = _values_apart(one, other)
        if apart > gap:
            gap, of = apart, what
    rows = [(part["count"] or 0) + (part["missing"] or 0) for part in (one, other)]
    chance = _CHANCE * math.sqrt(sum(1 / count for count in rows)) if all(rows) else 1.0
    return Difference(gap, of, names, chance)


def _values_apart(one: Statistics, other: Statistics) -> tuple[float, str]:
    numbers = NumberShares.of(one), NumberShares.of(other)
    if numbers[0] is not None and numbers[1] is not None:
        return _numbers_apart(numbers[0], numbers[1]), "values"
    first, second = text_shares(one), text_shares(other)
    if not first or not second:
        return 0.0, ""
    apart = {text: abs(first.get(text, 0.0) - second.get(text, 0.0)) for text in {**first, **second}}
    text = max(apart, key=lambda text: (apart[text], text))
    return apart[text], text


def _numbers_apart(one: NumberShares, other: NumberShares) -> float:
    ends = {end for shares in (one, other) for low, high, _ in shares.pieces for end in (low, high)}
    return max(_apart(one.between(end, within), other.between(end, within)) for end in ends for within in (False, True))


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return how far two shares are apart at least, each of which is known to lie between two others."""
    return max(one[0] - other[1], other[0] - one[1], 0.0)


def ordered(differences: Mapping[str, Difference]) -> Sequence[str]:
    """Return names, what differs most first: what is more than chance, then by the difference."""
    return sorted(differences, key=lambda name: (not differences[name].told, -differences[name].share, name))
