"""The cells of a grid over a search's space, in an order that a seed shuffles. Imports nothing heavy."""

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from models.search import Choice, Range, Whole
from models.tuning.space import Parameters

MOST_CELLS = 100_000
_POINTS = 5  # between the ends of a range of real numbers, both of them in


def cells_of(space: Mapping[str, Range]) -> int:
    """Return how many cells a grid has, without making it."""
    return math.prod(len(_points(values)) for values in space.values())


def grid(space: Mapping[str, Range], seed: int) -> list[Parameters]:
    """Return all cells of a grid in an order that the seed shuffles.

    It has every whole number in steps and every choice, and of a range of real numbers, or one by logarithm, 5 points.

    >>> from models.search import Real
    >>> sorted(cell["eta"] for cell in grid({"eta": Real(0.01, 0.16, log=True)}, 0))
    [0.01, 0.02, 0.04, 0.08, 0.16]
    """
    names, points = list(space), [_points(values) for values in space.values()]
    cells: list[Parameters] = [dict(zip(names, cell, strict=True)) for cell in itertools.product(*points)]
    random.Random(seed).shuffle(cells)
    return cells


def _points(values: Range) -> Sequence[Any]:
    if isinstance(values, Choice):
        return values.options
    if isinstance(values, Whole) and not values.log:
        return range(values.low, values.high + 1, values.step)
    low, high = (math.log(end) if values.log else float(end) for end in (values.low, values.high))
    between = [low + (high - low) * at / (_POINTS - 1) for at in range(_POINTS)]
    found = [min(max(math.exp(at) if values.log else at, values.low), values.high) for at in between]
    if isinstance(values, Whole):
        return sorted({round(at) for at in found})
    return [values.low, *(float(f"{at:.12g}") for at in found[1:-1]), values.high]
