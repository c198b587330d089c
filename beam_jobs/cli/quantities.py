"""Points in time and sizes as people write them in options."""

import datetime

from schemas.errors import UsageError

_LATEST = 2**63 - 1
_UNITS = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_UNITS |= {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def milliseconds(time: str) -> int:
    """Return a time given as ISO 8601 (UTC if it names no zone) or as milliseconds since 1970.

    Raises `UsageError` for anything else.

    >>> milliseconds("2026-01-01"), milliseconds("2026-01-01T01:00+01:00"), milliseconds("1767225600000")
    (1767225600000, 1767225600000, 1767225600000)
    """
    if time.isascii() and time.isdecimal() and len(time) < len(str(_LATEST)):
        return int(time)
    try:
        when = datetime.datetime.fromisoformat(time)
    except ValueError:
        raise UsageError(f"{time[:80]!r} is no time, wanted 2026-01-31T12:00:00Z or milliseconds since 1970") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return round(when.timestamp() * 1000)


def parsed_size(text: str) -> int | None:
    """Return the bytes of a size as people write it, None if it is none.

    >>> parsed_size("2GiB"), parsed_size("1.5 G"), parsed_size("much")
    (2147483648, 1610612736, None)
    """
    number = text.strip().rstrip("BbIiKkMmGgTt ")
    unit = _UNITS.get(text.strip()[len(number) :].strip().upper())
    try:
        found = None if unit is None else int(float(number) * unit)
    except (ValueError, OverflowError):
        return None
    return found if found is not None and found > 0 else None
