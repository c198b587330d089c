"""Points in time as people write them in options."""

import datetime

from schemas.errors import UsageError

_LATEST = 2**63 - 1


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
