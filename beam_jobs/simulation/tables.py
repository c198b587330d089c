"""Transactions as columns, under the names of the handbook's data: an Arrow batch after the other."""

import datetime
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from beam_jobs.simulation.card_transactions import DAY_S, CardTransactions, Transactions
from beam_jobs.simulation.window_features import WindowFeatures

_ROWS = 500_000
"""Rows of a batch at least: what came before is sorted once for each."""


def batches(
    world: CardTransactions, first_day: datetime.date, days: int | None, rows: int | None, features: bool
) -> Iterator[pa.RecordBatch]:
    """Yield the transactions of `days`, or the first `rows` of them; `features` adds those of windows."""
    windows = WindowFeatures(first_day.weekday()) if features else None
    left, made = rows, 0
    for block in _blocks(world, days, left):
        if left is not None:
            block, left = block.rows(0, left), max(left - len(block.seconds), 0)
        yield _batch(block, made, first_day, windows)
        made += len(block.seconds)
        if left == 0:
            return


def _blocks(world: CardTransactions, days: int | None, rows: int | None) -> Iterator[Transactions]:
    """Yield whole days together; no more are made than `rows` need."""
    waiting: list[Transactions] = []
    enough = _ROWS if rows is None else min(_ROWS, rows)
    for day in world.days(days):
        waiting.append(day)
        if sum(len(one.seconds) for one in waiting) >= enough:
            yield Transactions.joined(waiting)
            waiting = []
    if waiting:
        yield Transactions.joined(waiting)


def _batch(block: Transactions, made: int, first_day: datetime.date, windows: WindowFeatures | None) -> pa.RecordBatch:
    start_ms = (first_day - datetime.date(1970, 1, 1)).days * DAY_S * 1000
    columns = {
        "TRANSACTION_ID": np.arange(made, made + len(block.seconds)),
        "TX_DATETIME": pa.array(start_ms + block.seconds * 1000, pa.timestamp("ms")),
        "CUSTOMER_ID": block.customer,
        "TERMINAL_ID": block.terminal,
        "TX_AMOUNT": block.cents / 100,
        "TX_TIME_SECONDS": block.seconds,
        "TX_TIME_DAYS": block.seconds // DAY_S,
        "TX_FRAUD": (block.scenario > 0).astype(np.int64),
        "TX_FRAUD_SCENARIO": block.scenario,
    }
    if windows is not None:
        columns |= windows.of(block)
    return pa.RecordBatch.from_pydict(columns)
