"""Which terminals a customer may pay at: those within a radius, one of them drawn with equal chances."""

import numpy as np

SIDE = 100.0
"""Of the square in which customers and terminals are."""
RADIUS = 5.0
_CELLS = int(SIDE / RADIUS)


class NearTerminals:
    """Draws terminals near customers; both are points, float64 [number, 2].

    Terminals lie sorted by cells as wide as the radius, so those near a customer are among three runs of them, one per
    row of cells around. No list of terminals per customer is kept.
    """

    def __init__(self, customers: np.ndarray, terminals: np.ndarray):
        self._customers, self._terminals = customers, terminals
        column, row = _cells(terminals).T
        cells = row * _CELLS + column
        self._order = np.argsort(cells, kind="stable")
        ends = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=_CELLS**2))])
        column, row = _cells(customers).T
        left, right = np.maximum(column - 1, 0), np.minimum(column + 1, _CELLS - 1)
        starts, counts = [], []
        for above in (-1, 0, 1):
            line = np.clip(row + above, 0, _CELLS - 1) * _CELLS
            there = (row + above >= 0) & (row + above < _CELLS)
            starts.append(ends[line + left])
            counts.append(np.where(there, ends[line + right + 1] - ends[line + left], 0))
        self._starts = np.stack(starts, axis=1)
        self._until = np.cumsum(np.stack(counts, axis=1), axis=1)
        self.has_one = self._have_one()

    def drawn(self, customers: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return a terminal (int64) near each of these customers (int64), who have one."""
        found = np.empty(len(customers), np.int64)
        waiting = np.arange(len(customers))
        while len(waiting):
            who = customers[waiting]
            number = (random.random(len(who)) * self._until[who, 2]).astype(np.int64)
            terminal = self._candidate(who, number)
            near = self._near(who, terminal)
            found[waiting[near]] = terminal[near]
            waiting = waiting[~near]
        return found

    def _candidate(self, customers: np.ndarray, number: np.ndarray) -> np.ndarray:
        """Return the terminal that has a number among those in the cells around a customer."""
        until = self._until[customers]
        run = (number >= until[:, 0]).astype(np.int64) + (number >= until[:, 1])
        before = np.where(run == 0, 0, until[np.arange(len(until)), np.maximum(run - 1, 0)])
        return self._order[self._starts[customers, run] + number - before]

    def _near(self, customers: np.ndarray, terminals: np.ndarray) -> np.ndarray:
        apart = self._customers[customers] - self._terminals[terminals]
        return (apart**2).sum(axis=1) < RADIUS**2

    def _have_one(self) -> np.ndarray:
        """Return which customers have a terminal at all, bool [customers]."""
        found = np.zeros(len(self._customers), bool)
        waiting, number = np.arange(len(self._customers)), 0
        while len(waiting := waiting[self._until[waiting, 2] > number]):
            near = self._near(waiting, self._candidate(waiting, np.full(len(waiting), number)))
            found[waiting[near]] = True
            waiting, number = waiting[~near], number + 1
        return found


def _cells(points: np.ndarray) -> np.ndarray:
    return np.minimum((points / RADIUS).astype(np.int64), _CELLS - 1)
