"""How many records were rejected for what, by reason and field: the form that every summary and manifest has."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

Counts = Mapping[tuple[str, str], int]
"""Records by reason and JSON pointer to the field; the pointer is empty where the whole record is at fault."""


def field_of(path: str, known: Set[str]) -> str:
    """Return the field that the path of a rejection counts as: that of a list for its values, none if it is not known.

    A path may hold a name that a sender made up, which may be personal, and there is no end to them. `known` has the
    pointers to the fields that are told apart.

    >>> known = frozenset(["/age", "/genres"])
    >>> field_of("/age", known), field_of("/genres/17", known), field_of("/ann@example.org", known)
    ('/age', '/genres', '')
    """
    if path in known:
        return path
    head, _, place = path.rpartition("/")
    return head if place.isdecimal() and head in known else ""


def rejections(counts: Counts) -> list[dict[str, Any]]:
    """Return counts as JSON has them, the most frequent first.

    >>> rejections({("JSON_SYNTAX", ""): 3, ("TYPE", "/age"): 400})
    [{'reason': 'TYPE', 'field': '/age', 'count': 400}, {'reason': 'JSON_SYNTAX', 'field': '', 'count': 3}]
    """
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"reason": str(reason), "field": field, "count": count} for (reason, field), count in ordered if count]


def rejections_text(entries: Sequence[Mapping[str, Any]], limit: int = 5) -> str:
    """Return the entries of `rejections` for people; of more than `limit` the rest as a sum.

    >>> rejections_text(rejections({("JSON_SYNTAX", ""): 3, ("TYPE", "/age"): 1400}))
    '1,400 TYPE at /age, 3 JSON_SYNTAX'
    >>> rejections_text(rejections({("TYPE", f"/{n}"): n for n in range(1, 5)}), limit=2)
    '4 TYPE at /4, 3 TYPE at /3, 3 others'
    """
    parts = [
        f"{entry['count']:,} {entry['reason']}" + (f" at {entry['field']}" if entry["field"] else "")
        for entry in entries[:limit]
    ]
    rest = sum(entry["count"] for entry in entries[limit:])
    return ", ".join([*parts, f"{rest:,} others"] if rest else parts)


def rejected_text(total: int, entries: Sequence[Mapping[str, Any]]) -> str:
    """Return how many were rejected, and for what, for people.

    >>> rejected_text(3, rejections({("JSON_SYNTAX", ""): 3})), rejected_text(0, [])
    ('3 rejected (3 JSON_SYNTAX)', '0 rejected')
    """
    reasons = rejections_text(entries)
    return f"{total:,} rejected" + (f" ({reasons})" if reasons else "")
