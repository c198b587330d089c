"""Shapley values of any model by sampling: what every feature adds to a row's output.

After Strumbelj and Kononenko 2010 (JMLR 11) with pairs of opposite orders, as Mitchell and others 2022 (JMLR 23): from
a background row one feature after the other becomes the row's own, in a random order, and what the output changes by is
the feature's. Each background row is walked from once, so a row's contributions add up, but for float32's last places,
to its output less the mean of the background's; single ones are estimates.
"""

from collections.abc import Callable, Sequence

import numpy as np

_MOST_CELLS = 1 << 24  # of the rows that one call is asked for, so that memory stays bounded


def contributions(
    outputs: Callable[[np.ndarray], np.ndarray],
    features: np.ndarray,
    background: np.ndarray,
    together: Sequence[tuple[int, int]] = (),
    seed: int = 0,
) -> np.ndarray:
    """Return what every feature adds to each output of a row, the background's mean last.

    `outputs` makes float32 [rows, outputs] of float32 [rows, features]; returns float32 [rows, outputs, features + 1].
    Columns that are `together`, (first, width), change in one step, which is shared equally by those of them that
    differ.

    >>> rows = np.float32([[1, 2], [0, 4]])
    >>> contributions(lambda x: x @ np.float32([[1], [10]]), rows, np.zeros((4, 2), np.float32))[:, 0].tolist()
    [[1.0, 20.0, 0.0], [0.0, 40.0, 0.0]]
    """
    steps = _steps(features.shape[1], together)
    random = np.random.default_rng(seed)
    orders: list[np.ndarray] = []
    while len(orders) < len(background):
        order = random.permutation(len(steps))
        orders += [order, order[::-1]]
    base = outputs(background).astype(np.float64)
    made = np.zeros((len(features), base.shape[1], features.shape[1] + 1))
    made[:, :, -1] = base.mean(axis=0)
    at_once = max(1, _MOST_CELLS // max(1, (len(steps) + 1) * features.shape[1]))
    for number, row in enumerate(features):
        for first in range(0, len(background), at_once):
            starts = background[first : first + at_once]
            walks = [_walk(row, start, order, steps) for start, order in zip(starts, orders[first:], strict=False)]
            found = outputs(np.concatenate(walks)).astype(np.float64).reshape(len(starts), len(steps) + 1, -1)
            for start, order, gained in zip(starts, orders[first:], np.diff(found, axis=1), strict=False):
                for place, step in enumerate(order):
                    _add(made[number], steps[step], row, start, gained[place] / len(background))
    return made.astype(np.float32)


def _steps(features: int, together: Sequence[tuple[int, int]]) -> list[slice]:
    """Return the columns that change in one step, in their order."""
    firsts = dict(together)
    steps, column = [], 0
    while column < features:
        steps.append(slice(column, column + firsts.get(column, 1)))
        column = steps[-1].stop
    return steps


def _walk(row: np.ndarray, start: np.ndarray, order: np.ndarray, steps: Sequence[slice]) -> np.ndarray:
    """Return the rows from a background row to the row: float32 [steps + 1, features]."""
    walk = np.tile(start, (len(order) + 1, 1))
    for place, step in enumerate(order):
        walk[place + 1 :, steps[step]] = row[steps[step]]
    return walk


def _add(made: np.ndarray, step: slice, row: np.ndarray, start: np.ndarray, gained: np.ndarray) -> None:
    """Share what a step gained, float64 [outputs], between its columns that differ; add it to `made`."""
    differ = (row[step] != start[step]) & ~(np.isnan(row[step]) & np.isnan(start[step]))
    if (count := int(differ.sum())) > 0:
        made[:, step] += np.outer(gained / count, differ)
