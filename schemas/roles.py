"""Roles: what the annotation tags of a column say, how they are written, and which times an event may have.

| tag | means |
|---|---|
| `id` | names the record: echoed in predictions, decides the split |
| `unique` | beside `id`: no two rows may have the same ids |
| `key` | whose record it is; a split by group has all of a key in one split |
| `query` | which rows a ranking ranks together |
| `split` | says in which split a row is, for a split by column |
| `weight` | says how much a row weighs in training |
| `event_time:s`, `event_time:ms` | when it happened, in seconds or milliseconds since 1970 (UTC); type INT |
| `personal:<treatment>` | personal data: what becomes of it, in `schemas/personal/treatment.py` |
| `computed:window` | computed by the job, not sent |
"""

import re
from collections.abc import Iterable, Sequence

from schemas.column import Column, Kind
from schemas.errors import InputError
from schemas.nearest import did_you_mean

SYNTAX = (
    "id, unique, key, query, split, weight, event_time:s, event_time:ms, personal:<treatment> (as in personal:hash), "
    "computed:window"
)
MILLISECONDS = {"s": 1000, "ms": 1}

TAGS = (
    *("id", "unique", "key", "query", "split", "weight", "event_time:s", "event_time:ms"),
    *("personal:hash", "computed:window"),
)
"""Every role as it is written; another treatment may stand for `hash`."""
_OF_LISTS = frozenset(("personal", "computed"))
"""The roles that a column of several values may have."""
_TAG = re.compile(r"id|unique|key|query|split|weight|event_time:(s|ms)|personal:[a-z].*|computed:window")
_YEAR_1, _YEAR_1971, _YEAR_9999 = -62_135_596_800, 31_536_000, 253_402_300_799  # first and last seconds, UTC


def annotation(tag: str) -> str:
    """Return how a role is written in a schema.

    >>> print(annotation("event_time:s"))
    annotation { tag: "event_time:s" }
    """
    return f'annotation {{ tag: "{tag}" }}'


def check(columns: Sequence[Column], where: str) -> None:
    """Raise `InputError` for a tag that is no role, and for roles that contradict each other."""
    for column in columns:
        for tag in column.roles:
            if not _TAG.fullmatch(tag):
                near = did_you_mean(tag, TAGS)
                raise InputError(
                    f"{where}: {column.name}: tag {tag!r} is no role; known: {SYNTAX}, as in "
                    f"{annotation('event_time:s')} (what is for people goes into annotation {{ comment: ... }}){near}"
                )
        heads = [tag.partition(":")[0] for tag in column.roles]
        named = [tag for tag, head in zip(column.roles, heads, strict=True) if head not in _OF_LISTS]
        if named and column.value_count is not None:
            raise InputError(
                f"{where}: {column.name}: tag {named[0]} of a column of several values, wanted a column of one; take "
                "out the tag, or its value_count or shape"
            )
        if len(set(heads)) != len(heads):
            raise InputError(f"{where}: {column.name}: tags {', '.join(column.roles)} name a role twice; keep one")
    _check_of_training(columns, where)
    time = event_time(columns, where)
    for column in columns:
        if time and column.name == time[0] and (column.minimum or 0) > (column.maximum or 0):
            raise InputError(
                f"{where}: {column.name}: its int_domain has no time of the years 1 to 9999; are its limits in "
                "another unit than the tag's?"
            )


def _check_of_training(columns: Sequence[Column], where: str) -> None:
    """Raise `InputError` for roles that only one column may have, of another type, or without what they go with."""
    for role in ("query", "split", "weight"):
        found = [column for column in columns if column.role(role) is not None]
        if len(found) > 1:
            raise InputError(f"{where}: {' and '.join(one.name for one in found)} both have the role {role}; keep one")
        if found and role == "weight" and found[0].kind is Kind.BYTES:
            raise InputError(f"{where}: {found[0].name}: a weight of type BYTES, wanted FLOAT or INT")
        if found and role == "weight" and (treatment := found[0].role("personal")) is not None:
            raise InputError(
                f"{where}: {found[0].name}: tags weight and personal:{treatment}: rows weigh what the column says, "
                "which a treatment takes away; take out one of them"
            )
        if found and role in ("query", "split") and found[0].kind is Kind.FLOAT:
            raise InputError(f"{where}: {found[0].name}: a {role} of type FLOAT, wanted BYTES or INT")


def event_time(columns: Iterable[Column], where: str = "schema") -> tuple[str, int] | None:
    """Return the event time column and how many milliseconds its unit has, None without one; raises `InputError`."""
    found = [column for column in columns if column.role("event_time") is not None]
    if not found:
        return None
    column, unit = found[0], found[0].role("event_time") or ""
    wanted = f"wanted one column of type INT with {annotation('event_time:s')} or event_time:ms"
    if len(found) > 1:
        raise InputError(f"{where}: {' and '.join(one.name for one in found)} are both event time; {wanted}")
    if unit not in MILLISECONDS:
        raise InputError(f"{where}: {column.name}: tag event_time:{unit} has no known unit; {wanted}")
    if column.kind.name != "INT":
        why = "float32 holds today's seconds only to 128" if column.kind.name == "FLOAT" else "text is not read as time"
        raise InputError(f"{where}: {column.name}: event time of type {column.kind.name} ({why}); {wanted}")
    return column.name, MILLISECONDS[unit]


def time_range(unit: str, minimum: float | None, maximum: float | None) -> tuple[float, float]:
    """Return the first and the last time that a column of event times takes, in its unit.

    The schema's own limits hold within the years 1 to 9999, so that milliseconds never overflow. If it has none,
    times begin with 1971: seconds in a column of milliseconds would all be January 1970, milliseconds in a column of
    seconds are after 9999.

    >>> time_range("s", None, None), time_range("ms", 0, 2**63 - 1)
    ((31536000, 253402300799), (0, 253402300799999))
    """
    per_second = 1000 // MILLISECONDS[unit]
    first, last = _YEAR_1 * per_second, _YEAR_9999 * per_second + per_second - 1
    return (
        _YEAR_1971 * per_second if minimum is None else max(minimum, first),
        last if maximum is None else min(maximum, last),
    )
