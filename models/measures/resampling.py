"""Intervals of metrics by the bootstrap: how much they would differ on other test rows like these.

Every row counts as often as a Poisson number of mean 1 says (Hanley and MacGibbon 2006), which needs no rows copied, so
that all draws of a metric are a few operations on matrices. An interval is from the 2.5th to the 97.5th hundredth of
the draws. Each draw is a value that the metric can have, so no interval leaves its range.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from models.measures.ranked import Weights

METHOD, LEVEL = "poisson bootstrap", 0.95
Measure = Callable[[Weights], Mapping[str, np.ndarray]]
Interval = list[float]

_FEWEST_ROWS = 10
_MOST_UNDEFINED = 0.05
_CELLS = 1 << 21  # of a matrix of weights: 16 MB


def intervals(measure: Measure, weight: np.ndarray, draws: int, seed: int) -> dict[str, Interval | None]:
    """Return the interval of every metric; None where rows are under 10, or over 5 % of the draws have no value.

    `weight` is what the rows count for themselves, float64 [rows].
    """
    if len(weight) < _FEWEST_ROWS:
        return dict.fromkeys(measure(weight[None]))
    found = _joined([measure(weights) for weights in _drawn(weight, draws, seed)])
    return {name: _interval(values) for name, values in found.items()}


def differences(
    measure: Measure, other: Measure, weight: np.ndarray, draws: int, seed: int
) -> dict[str, Interval | None]:
    """Return the interval of every metric less that of another model's on the same rows, drawn together.

    What both share, hard rows and easy ones, falls out of the difference: it is known far better than either.
    """
    if len(weight) < _FEWEST_ROWS:
        return dict.fromkeys(measure(weight[None]))
    parts = []
    for weights in _drawn(weight, draws, seed):
        ours, theirs = measure(weights), other(weights)
        parts.append({name: values - theirs[name] for name, values in ours.items() if name in theirs})
    return {name: _interval(values) for name, values in _joined(parts).items()}


def _drawn(weight: np.ndarray, draws: int, seed: int) -> Iterator[Weights]:
    """Yield the weights of all draws, some at a time."""
    random = np.random.default_rng(seed)
    at_once = max(1, min(draws, _CELLS // len(weight)))
    for first in range(0, draws, at_once):
        yield random.poisson(1.0, (min(at_once, draws - first), len(weight))) * weight


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _interval(values: np.ndarray) -> Interval | None:
    known = values[~np.isnan(values)]
    if len(known) < (1 - _MOST_UNDEFINED) * len(values):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]
