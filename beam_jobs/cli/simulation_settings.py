"""The settings of the verb that makes up data."""

import dataclasses
import datetime
import os
import pathlib

from beam_jobs.cli.options import option
from beam_jobs.cli.shared_settings import Broker
from schemas.errors import InputError, UsageError

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
_DAYS = 183
_SIZE, _WHERE = "how much", "where to"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Simulate(Broker):
    """Make up card transactions, some of them frauds.

    By the method that the Fraud Detection Handbook publishes; the same seed and size give the same rows.
    """

    output: str | None = option(
        f"new file, in the format of its name: {', '.join(SUFFIXES)}", None, metavar="FILE", group=_WHERE
    )
    topic: str | None = option(
        "or topic to send them to as events, keyed by customer", None, metavar="TOPIC", group=_WHERE
    )
    rate: float | None = option(
        "events per second to the topic; as fast as it goes where not given", None, above=0, group=_WHERE
    )
    days: int | None = option(
        f"how many days; {_DAYS} where nothing is said", None, minimum=1, maximum=300_000, group=_SIZE
    )
    rows: int | None = option("how many transactions, in as many days as it takes", None, minimum=1, group=_SIZE)
    customers: int = option("about 1.9 transactions a day each", 5_000, minimum=1, maximum=100_000_000, group=_SIZE)
    terminals: int = option("where customers pay", 10_000, minimum=1, maximum=100_000_000, group=_SIZE)
    first_day: str = option("date of the first day, YYYY-MM-DD", "2018-04-01", metavar="DAY", group=_SIZE)
    seed: int = option("another one makes other customers, terminals and transactions", 0, minimum=0)
    features: bool = option("add the handbook's features of windows of 1, 7 and 30 days", False)

    def check(self) -> None:
        """Refuse no place or two, a name without a format, a file that is there, a day that is none."""
        super().check()
        if (self.output is None) == (self.topic is None):
            raise UsageError("where to? give --output FILE or --topic TOPIC, one of them")
        if self.rate is not None and self.topic is None:
            raise UsageError("--rate without --topic: a file is written as fast as it goes")
        if self.output is not None:
            _check_new_file(self.output)
        try:
            datetime.date.fromisoformat(self.first_day)
        except ValueError:
            raise UsageError(f"--first-day {self.first_day!r}: wanted a date as 2018-04-01") from None

    @property
    def day_limit(self) -> int | None:
        """How many days at most, None if only the number of rows counts."""
        return _DAYS if self.days is None and self.rows is None else self.days


def _check_new_file(path: str) -> None:
    if not path.lower().endswith(SUFFIXES):
        raise UsageError(f"--output {path}: its name says no format, wanted one of {', '.join(SUFFIXES)}")
    if os.path.lexists(path):
        raise InputError(f"{path}: is there already; remove it or choose another name")
    folder = pathlib.Path(path).absolute().parent
    if not folder.is_dir():
        raise InputError(f"{folder}: no such directory; make it or choose another one")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder}: nothing may be written there; choose another one")
