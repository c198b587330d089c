"""What in the data differs from its schema: rows rejected, by reason and field, and strings outside their domains."""

from collections.abc import Mapping
from typing import Any

from schemas.schema import Schema
from schemas.statistics import ColumnStatistics, TextStatistics

_SHOWN = 20


def describe(rejected: Mapping[tuple[str, str], int], unseen_strings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the anomalies as a JSON value: rows rejected by reason and path, and what `unseen` found per split.

    >>> describe({("RANGE", "/fare"): 2}, {"train": {}})
    {'rejected': [{'reason': 'RANGE', 'path': '/fare', 'rows': 2}], 'unseen': {'train': {}}}
    """
    most_first = sorted(rejected.items(), key=lambda item: (-item[1], item[0]))
    listed = [{"reason": reason, "path": path, "rows": rows} for (reason, path), rows in most_first]
    return {"rejected": listed, "unseen": dict(unseen_strings)}


def unseen(statistics: ColumnStatistics, schema: Schema) -> dict[str, Any]:
    """Return, by column, how many rows hold a string outside the domain, and the most frequent of those strings.

    Columns without any are left out; the strings of personal columns are not shown.
    """
    found: dict[str, Any] = {}
    for column in schema.columns:
        seen = statistics.columns[column.name]
        if column.domain is None or not isinstance(seen, TextStatistics):
            continue
        outside = [(value, count) for value, count in seen.ranked() if value not in column.domain]
        if outside:
            found[column.name] = {"rows": sum(count for _, count in outside), "distinct": len(outside)}
            if column.role("personal") is None:
                found[column.name]["values"] = dict(outside[:_SHOWN])
    return found
