"""Gates of a set of rows: how many may be rejected, how many must be left, which anomalies are too many."""

import dataclasses
from collections.abc import Sequence

from schemas.errors import UsageError
from schemas.sets.anomaly import ERROR, WARNING, Anomaly

FAIL_ON = {
    "error": "what breaks a limit that the schema sets",
    "warning": "warnings too: what looks wrong though no limit says so",
    "none": "no anomaly, they are only told",
}
"""Which anomalies make a gate say no."""
_STOPS = {"error": (ERROR,), "warning": (ERROR, WARNING), "none": ()}
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Most:
    """The most that may be rejected: so many rows, or a share of those that were read."""

    rows: int | None = None
    share: float | None = None

    def allows(self, rejected: int, read: int) -> bool:
        """Say whether so many of the rows read may be rejected.

        >>> Most(share=0.01).allows(1, 100), Most(rows=0).allows(1, 100)
        (True, False)
        """
        return rejected <= (self.rows if self.rows is not None else (self.share or 0.0) * read)

    def __str__(self) -> str:
        return f"{self.rows:,}" if self.rows is not None else f"{self.share:.6g} of them"


def most(text: str) -> Most:
    """Read a limit of rejected rows: a whole number is of rows, `1%` and `0.01` are shares.

    >>> most("20"), most("1%"), most("0.01")
    (Most(rows=20, share=None), Most(rows=None, share=0.01), Most(rows=None, share=0.01))
    """
    wanted = f"--max-rejected is {text[:40]!r}, wanted rows, as in 20, or a share of them, as in 1% or 0.01"
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    if number.isascii() and number.isdigit() and not percent:
        return Most(rows=int(number))
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        raise UsageError(wanted) from None
    if not 0 <= share <= 1:
        raise UsageError(wanted)
    return Most(share=share)


@dataclasses.dataclass(frozen=True)
class Gates:
    """What a set of rows has to pass; `fail_on` is one of `FAIL_ON`."""

    max_rejected: Most | None = None
    min_rows: int | None = None
    fail_on: str = "error"

    def of_rows(self, read: int, rejected: int, kept: int) -> list[str]:
        """Return why the numbers of rows are not good enough, nothing if they are.

        >>> Gates(max_rejected=most("1%"), min_rows=100).of_rows(200, 3, 197)
        ['3 of 200 rows rejected, at most 0.01 of them may be (--max-rejected)']
        """
        reasons = []
        if self.max_rejected is not None and not self.max_rejected.allows(rejected, read):
            limit = self.max_rejected
            reasons.append(f"{rejected:,} of {read:,} rows rejected, at most {limit} may be (--max-rejected)")
        if self.min_rows is not None and kept < self.min_rows:
            reasons.append(f"{kept:,} rows can be used, wanted {self.min_rows:,} or more (--min-rows)")
        return reasons

    def of_anomalies(self, found: Sequence[Anomaly]) -> list[str]:
        """Return why anomalies stop the set, the first few by name."""
        stops = [str(anomaly) for anomaly in found if anomaly.severity in _STOPS[self.fail_on]]
        return stops[:_SHOWN] + ([f"{len(stops) - _SHOWN} more"] if len(stops) > _SHOWN else [])
