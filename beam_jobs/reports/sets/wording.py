"""Numbers, shares, times and texts as a page writes them."""

import datetime
from collections.abc import Callable, Sequence

from beam_jobs.reports.terminal_text import shown
from beam_jobs.reports.text_table import number
from schemas.schema import Schema

_LONGEST = 48
_WHOLE = 1e15
_THIN = "\u202f"
_DASH = "\u2013"
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def percent(share: float) -> str:
    """Return a share in per cent, with as many digits as tell something.

    >>> [percent(share).replace(_THIN, " ") for share in (0.0, 0.00004, 0.0421, 0.5, 0.99999, 1.0)]
    ['0 %', '< 0.01 %', '4.2 %', '50.0 %', '> 99.9 %', '100 %']
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", f"{_THIN}%")
    if share < 0.0001:
        return f"<{_THIN}0.01{_THIN}%"
    if share > 0.999:
        return f">{_THIN}99.9{_THIN}%"
    return f"{100 * share:.{2 if share < 0.01 else 1}f}{_THIN}%"


def span(shares: Sequence[float]) -> str:
    """Return the shares of several series in one: the least and the greatest.

    >>> span([0.1, 0.2, 0.1]).replace(_THIN, " ").replace(_DASH, "to"), span([0.5, 0.5]).replace(_THIN, " ")
    ('10.0 to 20.0 %', '50.0 %')
    """
    least, most = percent(min(shares)), percent(max(shares))
    if least == most:
        return most
    return f"{least.removesuffix('%').rstrip(_THIN)} {_DASH} {most}"


def figure(value: float | None) -> str:
    """Return a number: whole ones whole, others to five digits.

    >>> figure(17031081000.0), figure(0.123456), figure(None)
    ('17031081000', '0.12346', '-')
    """
    if value is not None and float(value).is_integer() and abs(value) < _WHOLE:
        return str(int(value))
    return number(value)


def count(rows: int | None) -> str:
    """Return a whole number with its thousands apart."""
    return "-" if rows is None else f"{rows:,}"


def text(value: str) -> str:
    """Return a text of the data: an empty one by name, a long one cut, nothing that a page would obey.

    >>> text(""), text("cash")
    ('(empty)', 'cash')
    """
    if not value:
        return "(empty)"
    plain = shown(value)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}\u2026"


def formats(schema: Schema, name: str) -> Callable[[float | None], str]:
    """Return how the numbers of a column are written: times as such, all others as figures."""
    found = [column for column in schema.columns if column.name == name]
    unit = found[0].role("event_time") if found else None
    if not unit:
        return figure
    seconds = 1000 if unit in ("ms", "millis", "milliseconds") else 1

    def when(value: float | None) -> str:
        if value is None:
            return "-"
        try:
            return f"{_EPOCH + datetime.timedelta(seconds=value / seconds):%Y-%m-%d}"
        except OverflowError:
            return figure(value)

    return when
