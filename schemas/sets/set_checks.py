"""The anomalies of a set of rows: limits of columns and of the whole that its statistics break, and comparators.

A comparator of the schema is a limit on how far two sets may be apart (`schemas.sets.distances`): `drift_comparator`
and `num_examples_drift_comparator` against an earlier set, `skew_comparator` between the splits of one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics as Dataset
from tensorflow_metadata.proto.v0.statistics_pb2 import FeatureNameStatistics as Feature

from schemas.schema import Schema, is_column
from schemas.sets.anomaly import ERROR, WARNING, Anomaly
from schemas.sets.distances import infinity_norm, jensen_shannon
from schemas.statistics import anomalies
from schemas.statistics.columns import ColumnStatistics

_TYPES = {
    "presence.min_count": "FEATURE_TYPE_LOW_NUMBER_PRESENT",
    "presence.min_fraction": "FEATURE_TYPE_LOW_FRACTION_PRESENT",
    "unique_constraints.min": "FEATURE_TYPE_LOW_UNIQUE",
    "unique_constraints.max": "FEATURE_TYPE_HIGH_UNIQUE",
    "distribution_constraints.min_domain_mass": "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
}
_DISTANCES = {
    "infinity_norm": (infinity_norm, "COMPARATOR_L_INFTY_HIGH"),
    "jensen_shannon_divergence": (jensen_shannon, "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH"),
}


def of_limits(statistics: ColumnStatistics, schema: Schema) -> list[Anomaly]:
    """Return which limits on columns and on the number of rows the set breaks, and which columns have unseen strings.

    >>> import pyarrow as pa
    >>> schema = Schema.from_text('feature { name: "tip" type: FLOAT presence { min_fraction: 0.9 } }')
    >>> statistics = ColumnStatistics(schema)
    >>> statistics.add(pa.RecordBatch.from_pydict({"tip": [1.0, None]}, schema.arrow_schema))
    >>> [str(anomaly) for anomaly in of_limits(statistics, schema)]
    ['presence.min_fraction of tip: 0.5, wanted 0.9']
    """
    broken = anomalies.limits(statistics, schema)
    found = [
        Anomaly(one["column"], _TYPES[one["limit"]], _severity(one), one["limit"], one["wanted"], one["found"])
        for one in broken
    ]
    told = {one.column for one in found if one.type == "ENUM_TYPE_UNEXPECTED_STRING_VALUES"}
    for name, unseen in anomalies.unseen(statistics, schema).items():
        if name not in told:
            kind = "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
            found.append(Anomaly(name, kind, WARNING, "rows with strings outside the domain", None, unseen["rows"]))
    return found + list(_of_rows(statistics.rows, schema.proto.dataset_constraints))


def drift(earlier: Dataset, now: Dataset, schema: Schema, where: str) -> list[Anomaly]:
    """Return which drift comparators say that a set is too far from an earlier one."""
    found = list(_compared(earlier, now, schema, "drift_comparator", where))
    comparator = schema.proto.dataset_constraints.num_examples_drift_comparator
    if earlier.num_examples:
        ratio = now.num_examples / earlier.num_examples
        name = "dataset_constraints.num_examples_drift_comparator"
        if comparator.HasField("min_fraction_threshold") and ratio < comparator.min_fraction_threshold:
            least = comparator.min_fraction_threshold
            found.append(Anomaly("", "COMPARATOR_LOW_NUM_EXAMPLES", ERROR, f"{name}.min", least, ratio, where))
        if comparator.HasField("max_fraction_threshold") and ratio > comparator.max_fraction_threshold:
            highest = comparator.max_fraction_threshold
            found.append(Anomaly("", "COMPARATOR_HIGH_NUM_EXAMPLES", ERROR, f"{name}.max", highest, ratio, where))
    return found


def skew(splits: Mapping[str, Dataset], schema: Schema) -> list[Anomaly]:
    """Return which skew comparators say that a split is too far from the first one."""
    names = list(splits)
    return [
        anomaly
        for name in names[1:]
        if splits[name].num_examples
        for anomaly in _compared(splits[names[0]], splits[name], schema, "skew_comparator", f"{names[0]} and {name}")
    ]


def _severity(broken: Mapping[str, Any]) -> str:
    """A column without any value is a warning under the `min_count: 1` that inference writes for all of them."""
    return WARNING if broken["limit"] == "presence.min_count" and broken["wanted"] <= 1 else ERROR


def _of_rows(rows: int, limits: schema_pb2.DatasetConstraints) -> Iterator[Anomaly]:
    least, highest = limits.min_examples_count, limits.max_examples_count
    if rows < least:
        name = "dataset_constraints.min_examples_count"
        yield Anomaly("", "DATASET_LOW_NUM_EXAMPLES", ERROR, name, least, rows)
    if limits.HasField("max_examples_count") and rows > highest:
        name = "dataset_constraints.max_examples_count"
        yield Anomaly("", "DATASET_HIGH_NUM_EXAMPLES", ERROR, name, highest, rows)


def _compared(one: Dataset, other: Dataset, schema: Schema, comparator: str, where: str) -> Iterator[Anomaly]:
    sides = [{feature.path.step[0]: feature for feature in dataset.features} for dataset in (one, other)]
    for feature in filter(is_column, schema.proto.feature):
        limits = getattr(feature, comparator)
        for name, (distance, kind) in _DISTANCES.items():
            if not limits.HasField(name) or not getattr(limits, name).HasField("threshold"):
                continue
            if name == "infinity_norm" and feature.type != schema_pb2.BYTES:
                continue
            limit, most = f"{comparator}.{name}", getattr(limits, name).threshold
            seen = [side.get(feature.name, Feature()) for side in sides]
            found = distance(*seen)
            if found is None:
                missing = next((n for n, side in enumerate(seen) if not _has_values(side)), 0)
                which = ("COMPARATOR_CONTROL_DATA_MISSING", "COMPARATOR_TREATMENT_DATA_MISSING")[missing]
                yield Anomaly(feature.name, which, WARNING, f"{limit}, which has nothing to compare", most, 0, where)
            elif found > most:
                yield Anomaly(feature.name, kind, ERROR, limit, most, found, where)


def _has_values(feature: Feature) -> bool:
    return bool(feature.string_stats.rank_histogram.buckets or feature.num_stats.histograms)
