"""Card transactions by the method of the Fraud Detection Handbook (chapter 3, "Transaction data simulator").

Customers and terminals are points in a square of 100 by 100. A customer makes a number of transactions a day that is
Poisson of a mean of their own (0 to 4), at times normal around noon, at a terminal within 5 of them, of amounts normal
around a mean of their own (5 to 100) with half of it as deviation. Three kinds of fraud, a later one over an earlier:

1. an amount above 220;
2. a terminal taken over, two of 10,000 a day: all its transactions of 28 days;
3. a card copied, three of 5,000 a day: a third of its transactions of 14 days, of five times the amount.

A day depends on the seed and on its number alone, so any number of days is made in the memory of one. The book's own
data come of another program and other draws; what is like them is the distribution.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from beam_jobs.simulation.near_terminals import SIDE, NearTerminals
from schemas.errors import UsageError

DAY_S = 86_400
CUSTOMERS, TERMINALS, DAYS = 5_000, 10_000, 183
_NOON_S, _AROUND_S = DAY_S / 2, 20_000
_LARGE_CENTS = 22_000
_TAKEN_OVER, _COPIED = 2 / TERMINALS, 3 / CUSTOMERS  # of all, a day
_TAKEN_OVER_DAYS, _COPIED_DAYS = 28, 14
_COPIED_SHARE, _TIMES = 1 / 3, 5
_CUSTOMERS, _TERMINALS, _DAY, _TAKEN, _CARDS = range(5)  # what is drawn; each has draws of its own


class Transactions(NamedTuple):
    """Transactions in the order of time; a field is int64 [rows], `seconds` since the first day, amounts in cents."""

    customer: np.ndarray
    terminal: np.ndarray
    seconds: np.ndarray
    cents: np.ndarray
    scenario: np.ndarray

    def rows(self, start: int, end: int | None = None) -> "Transactions":
        """Return some of them."""
        return Transactions(*(field[start:end] for field in self))

    @classmethod
    def joined(cls, parts: "list[Transactions]") -> "Transactions":
        """Return several, one behind the other."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))


class CardTransactions:
    """The world of one seed. Raises `UsageError` if no customer has a terminal near.

    >>> world = CardTransactions(50, 100, seed=1)
    >>> bool(len(world.day(3).cents)) and world.day(3).cents.tolist() == world.day(3).cents.tolist()
    True
    """

    def __init__(self, customers: int = CUSTOMERS, terminals: int = TERMINALS, seed: int = 0):
        self._customers, self._terminals, self._seed = customers, terminals, seed
        random = self._draws(_CUSTOMERS)
        places = random.uniform(0, SIDE, (customers, 2))
        self._mean = random.uniform(5, 100, customers)
        self._per_day = random.uniform(0, 4, customers)
        self._near = NearTerminals(places, self._draws(_TERMINALS).uniform(0, SIDE, (terminals, 2)))
        self._per_day[~self._near.has_one] = 0.0
        if not self._per_day.any():
            raise UsageError(
                f"of {customers:,} customers none has one of {terminals:,} terminals near; give more terminals"
            )

    def days(self, count: int | None = None) -> Iterator[Transactions]:
        """Yield the transactions of one day after the other, for ever without `count`."""
        number = 0
        while count is None or number < count:
            yield self.day(number)
            number += 1

    def day(self, number: int) -> Transactions:
        """Return the transactions of a day, counted from 0."""
        random = self._draws(_DAY, number)
        customer = np.repeat(np.arange(self._customers), random.poisson(self._per_day))
        seconds = random.normal(_NOON_S, _AROUND_S, len(customer)).astype(np.int64)
        of_today = (seconds > 0) & (seconds < DAY_S)
        customer, seconds = customer[of_today], seconds[of_today]
        mean = self._mean[customer]
        amount = random.normal(mean, mean / 2)
        amount = np.where(amount < 0, random.uniform(0, 2 * mean), amount)
        cents = np.rint(amount * 100).astype(np.int64)
        terminal = self._near.drawn(customer, random)
        order = np.argsort(seconds, kind="stable")
        customer, terminal, cents, seconds = customer[order], terminal[order], cents[order], seconds[order]
        scenario, cents = self._frauds(number, customer, terminal, cents, random)
        return Transactions(customer, terminal, seconds + number * DAY_S, cents, scenario)

    def _frauds(
        self, day: int, customer: np.ndarray, terminal: np.ndarray, cents: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return scenarios, 0 for none, and amounts in cents; both int64 [rows]."""
        scenario = np.where(cents > _LARGE_CENTS, 1, 0)
        taken = [self._taken_over(one) for one in range(max(day - _TAKEN_OVER_DAYS + 1, 0), day + 1)]
        scenario[np.isin(terminal, np.concatenate(taken))] = 2
        for one in range(max(day - _COPIED_DAYS + 1, 0), day + 1):
            copied = np.isin(customer, self._copied(one)) & (random.random(len(customer)) < _COPIED_SHARE)
            scenario[copied] = 3
            cents = np.where(copied, cents * _TIMES, cents)
        return scenario, cents

    @functools.lru_cache(maxsize=2 * _TAKEN_OVER_DAYS)  # noqa: B019 - a world lives as long as its run
    def _taken_over(self, day: int) -> np.ndarray:
        count = _due(day, self._terminals * _TAKEN_OVER)
        return self._draws(_TAKEN, day).choice(self._terminals, min(count, self._terminals), replace=False)

    @functools.lru_cache(maxsize=2 * _COPIED_DAYS)  # noqa: B019
    def _copied(self, day: int) -> np.ndarray:
        count = _due(day, self._customers * _COPIED)
        return self._draws(_CARDS, day).choice(self._customers, min(count, self._customers), replace=False)

    def _draws(self, *what: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, *what])


def _due(day: int, per_day: float) -> int:
    """Return how many are due on a day so that there are `per_day` in the long run.

    >>> [_due(day, 0.4) for day in range(5)], _due(17, 2.0)
    ([0, 0, 1, 0, 1], 2)
    """
    return int(per_day * (day + 1) + 1e-9) - int(per_day * day + 1e-9)
