"""What in the data differs from its schema: rows rejected, strings outside their domains, limits of columns broken."""

from collections.abc import Iterator, Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.column import Column
from schemas.rejection_counts import rejections
from schemas.schema import Schema, is_column
from schemas.statistics.columns import MAX_DISTINCT, ColumnStatistics, TextStatistics

_SHOWN = 20


def describe(rejected: Mapping[tuple[str, str], int], unseen_strings: Mapping[str, Any]) -> dict[str, Any]:
    """Return as a JSON value: rows rejected by reason and field, and what `unseen` found of each split.

    >>> describe({("RANGE", "/fare"): 2}, {"train": {}})
    {'rejections': [{'reason': 'RANGE', 'field': '/fare', 'count': 2}], 'unseen': {'train': {}}}
    """
    return {"rejections": rejections(rejected), "unseen": dict(unseen_strings)}


def limits(statistics: ColumnStatistics, schema: Schema) -> list[dict[str, Any]]:
    """Return the limits on whole columns that the data breaks, as TFDV checks them: column, limit, wanted and found.

    They are presence's min_count and min_fraction; for strings also the number of distinct ones (unique_constraints)
    and the share that must be in the domain (min_domain_mass). No row is rejected for them.

    >>> import pyarrow as pa
    >>> schema = Schema.from_text('feature { name: "tip" type: FLOAT presence { min_fraction: 0.9 } }')
    >>> statistics = ColumnStatistics(schema)
    >>> statistics.add(pa.RecordBatch.from_pydict({"tip": [1.0, None]}, schema.arrow_schema))
    >>> limits(statistics, schema)
    [{'column': 'tip', 'limit': 'presence.min_fraction', 'wanted': 0.9, 'found': 0.5}]
    """
    broken = []
    for feature in filter(is_column, schema.proto.feature):
        for name, wanted, found, kept in _measured(feature, schema[feature.name], statistics):
            if not kept:
                shown = [round(value, 6) if isinstance(value, float) else value for value in (wanted, found)]
                broken.append({"column": feature.name, "limit": name, "wanted": shown[0], "found": shown[1]})
    return broken


def _measured(
    feature: schema_pb2.Feature, column: Column, statistics: ColumnStatistics
) -> Iterator[tuple[str, float, float, bool]]:
    """Yield the limits of one column: name, what is wanted, what was found, whether it is kept."""
    seen, presence = statistics.columns[column.name], feature.presence
    share = seen.present / statistics.rows if statistics.rows else 1.0
    yield "presence.min_count", presence.min_count, seen.present, seen.present >= presence.min_count
    yield "presence.min_fraction", presence.min_fraction, share, share >= min(presence.min_fraction, 1.0)
    if not isinstance(seen, TextStatistics):
        return
    distinct, unique = len(seen.counts), feature.unique_constraints
    if unique.HasField("min") and not seen.forgot:
        yield "unique_constraints.min", unique.min, distinct, distinct >= unique.min
    if seen.forgot:
        distinct = max(distinct, MAX_DISTINCT + 1)  # there were more, how many is not known
    if unique.HasField("max"):
        yield "unique_constraints.max", unique.max, distinct, distinct <= unique.max
    mass = feature.distribution_constraints.min_domain_mass
    if feature.HasField("distribution_constraints") and column.domain is not None and seen.present and not seen.forgot:
        inside = 1.0 - sum(count for value, count in seen.counts.items() if value not in column.domain) / seen.present
        yield "distribution_constraints.min_domain_mass", mass, inside, inside >= mass


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
