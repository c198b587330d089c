"""The handbook's features of a transaction: what its customer and its terminal did in three windows before it.

A customer's windows of 1, 7 and 30 days end with the transaction itself. A terminal's end a week before it, because so
long it takes until a fraud is known; its risk is the share of frauds in them. Amounts are summed in cents, so that
means are exact.
"""

from collections.abc import Iterator

import numpy as np

from beam_jobs.simulation.card_transactions import DAY_S, Transactions

WINDOWS = (1, 7, 30)
DELAY = 7
KEPT_DAYS = DELAY + max(WINDOWS)
_STRIDE = 2**35  # seconds of 1,000 years
_SATURDAY, _LAST_HOUR_OF_NIGHT = 5, 6


class WindowFeatures:
    """Makes the features of transactions that come in the order of time; keeps those of the last 37 days.

    `first_weekday` is that of second 0, Monday is 0.
    """

    def __init__(self, first_weekday: int):
        self._first_weekday = first_weekday
        self._kept: list[Transactions] = []

    def of(self, rows: Transactions) -> dict[str, np.ndarray]:
        """Return the features of the next transactions, in whole days: float64 [rows] of windows, int64 of the time."""
        known = Transactions.joined([*self._kept, rows])
        features = dict(_of_time(rows.seconds, self._first_weekday))
        customers = _Sums(known.customer, known.seconds, known.cents)
        terminals = _Sums(known.terminal, known.seconds, (known.scenario > 0).astype(np.int64))
        features |= dict(_of_customers(customers, rows))
        features |= dict(_of_terminals(terminals, rows))
        if len(rows.seconds):
            oldest = int(rows.seconds[-1]) // DAY_S * DAY_S - KEPT_DAYS * DAY_S
            known = known.rows(int(np.searchsorted(known.seconds, oldest)))
        self._kept = [known]
        return features


class _Sums:
    """Counts and sums of `values` per owner up to any second; all are int64 [rows]."""

    def __init__(self, owner: np.ndarray, seconds: np.ndarray, values: np.ndarray):
        keys = _keys(owner, seconds)
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._sums = np.concatenate([[0], np.cumsum(values[order])])

    def until(self, owner: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return for each owner how many rows there are up to a second, that one included, and their sum.

        Those of other owners before it count too, the same for every second.
        """
        at = np.searchsorted(self._keys, _keys(owner, seconds), side="right")
        return at, self._sums[at]


def _keys(owner: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    return owner * _STRIDE + np.maximum(seconds + 1, 0)


def _of_time(seconds: np.ndarray, first_weekday: int) -> Iterator[tuple[str, np.ndarray]]:
    yield "TX_DURING_WEEKEND", ((seconds // DAY_S + first_weekday) % 7 >= _SATURDAY).astype(np.int64)
    yield "TX_DURING_NIGHT", (seconds % DAY_S // 3600 <= _LAST_HOUR_OF_NIGHT).astype(np.int64)


def _of_customers(sums: _Sums, rows: Transactions) -> Iterator[tuple[str, np.ndarray]]:
    count_now, cents_now = sums.until(rows.customer, rows.seconds)
    for days in WINDOWS:
        count, cents = sums.until(rows.customer, rows.seconds - days * DAY_S)
        number = count_now - count
        yield f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW", number.astype(np.float64)
        yield f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW", (cents_now - cents) / 100 / number


def _of_terminals(sums: _Sums, rows: Transactions) -> Iterator[tuple[str, np.ndarray]]:
    known = rows.seconds - DELAY * DAY_S
    count_known, frauds_known = sums.until(rows.terminal, known)
    for days in WINDOWS:
        count, frauds = sums.until(rows.terminal, known - days * DAY_S)
        number = count_known - count
        yield f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW", number.astype(np.float64)
        yield f"TERMINAL_ID_RISK_{days}DAY_WINDOW", (frauds_known - frauds) / np.maximum(number, 1)
