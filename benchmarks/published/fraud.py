"""Card transactions of the Fraud Detection Handbook: weeks that train, a week of delay, a week that tests.

Chapters 3 and 5 of the handbook: train on 7 days, leave 7 days out, since a fraud is known that late, and test on 7
days. Whoever is known to be defrauded by a day of the test, by the frauds of the train week and of the delay week up to
a week before that day, is left out of it.
"""

import datetime
import pathlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from benchmarks.published.rows import Protocol

BASELINE = "2018-07-25"
TEST_FOLDS = ("2018-08-15", "2018-08-08", "2018-08-01", BASELINE)
VALIDATION_FOLDS = ("2018-07-11", "2018-07-04", "2018-06-27", "2018-06-20")
"""The first days of train weeks: of the baseline, of the folds that test and of those that parameters are chosen by."""
_WEEK = 7


def protocols(data: pathlib.Path, folder: pathlib.Path, firsts: tuple[str, ...]) -> list[Protocol]:
    """Write the rows of folds, by the first days of their train weeks; the last day of a train week is eval."""
    table = transactions(data / "fraud_handbook")
    days, customers, frauds = of_rows(table)
    found = []
    for first in firsts:
        train, test = fold(day_of(first), days, customers, frauds)
        last = days[train] == day_of(first) + _WEEK - 1
        files: dict[str, Any] = {}
        for part, rows in (("train", train[~last]), ("eval", train[last]), ("test", test)):
            path = folder / f"fraud-{first}-{part}.parquet"
            pa.parquet.write_table(table.take(pa.array(rows)), path)
            files[part] = (path,)
        found.append(Protocol(name=f"fraud-{first}", use_case="fraud", **files))
    return found


def transactions(folder: pathlib.Path) -> pa.Table:
    """Return the transactions with their features, in the order of time."""
    raw = pa.parquet.read_table(folder / "transactions_raw.parquet")
    features = pa.parquet.read_table(folder / "features_2018-06-11_2018-09-14.parquet")
    return raw.join(features, "TRANSACTION_ID", join_type="inner").sort_by("TRANSACTION_ID").combine_chunks()


def of_rows(table: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return days since 1970, customers, and whether it is a fraud, [rows] each."""
    days = pc.cast(pc.cast(table.column("TX_DATETIME"), pa.date32()), pa.int32()).to_numpy()
    return days, table.column("CUSTOMER_ID").to_numpy(), table.column("TX_FRAUD").to_numpy() == 1


def fold(first: int, days: np.ndarray, customers: np.ndarray, frauds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows train and which test, of the fold whose train week begins on a day."""
    train = np.flatnonzero((days >= first) & (days < first + _WEEK))
    tests = []
    for day in range(_WEEK):
        known_by = first + _WEEK + day  # a week before the day that is tested
        known = np.unique(customers[frauds & (days >= first) & (days < known_by)])
        of_day = (days == first + 2 * _WEEK + day) & ~np.isin(customers, known)
        tests.append(np.flatnonzero(of_day))
    return train, np.concatenate(tests)


def day_of(date: str) -> int:
    """Return the days since 1970.

    >>> day_of("1970-01-02")
    1
    """
    return (datetime.date.fromisoformat(date) - datetime.date(1970, 1, 1)).days
