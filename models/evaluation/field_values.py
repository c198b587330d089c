"""The raw values that a field is tried with, and what the graph makes of them alone.

They come from the statistics of the training rows, quantiles and frequent texts, so no record is looked at. A feature
that is made of the field and of others needs those too: it stays as it is in every row, and is told.
"""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import statistics_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import FeatureNameStatistics

from models.evaluation.dependence import Tried
from models.evaluation.importance import Features, rounded
from models.scoring.causes import where_raised
from schemas.column import Column, Kind
from schemas.statistics.protos import VALUES
from schemas.statistics.texts import stands_for_long
from transforms.graph.graph import TransformGraph

_log = logging.getLogger(__name__)

_POINTS = 20
_LEAST_RANK, _MOST_RANK = 0.025, 0.975  # what few rows have says little
_MOST_OF_DECILES = 0.9  # nothing is known of where in the highest tenth rows are
_LONGEST = 1000  # characters
_MOST_WHOLE = 31  # whole numbers that are tried one by one
_MOST_TEXTS = 12
_HIDDEN_ROLES = ("personal", "id", "event_time")


def by_name(statistics: bytes) -> dict[str, FeatureNameStatistics]:
    """Return the statistics of raw fields by their names, of a serialized `DatasetFeatureStatisticsList`.

    Those of all rows stand before those of the slices.
    """
    parsed = statistics_pb2.DatasetFeatureStatisticsList.FromString(statistics)
    features = parsed.datasets[0].features if parsed.datasets else []
    return {one.path.step[0] if one.path.step else one.name: one for one in features}


def of_field(
    name: str, known: Features, graph: TransformGraph, statistics: FeatureNameStatistics | None
) -> Tried | None:
    """Return the values to try of a raw field; None if they say nothing or nobody may see them.

    Those are personal fields, ids, times of events, those of long lists, and fields of which no feature is made alone.
    """
    column = graph.schema[name]
    columns = [at for at, of in enumerate(known.fields) if of == (name,)]
    if not columns or statistics is None or name in known.personal or any(map(column.role, _HIDDEN_ROLES)):
        return None
    if column.value_count is not None and column.value_count.least > 1:
        return None
    values = _values(column, statistics)
    if not values:
        return None
    try:
        made = _made(graph, column, values)[:, columns]
        missing = not column.required and _missing(statistics)
        gone = _made(graph, column, [None])[0, columns] if missing else None
    except Exception as error:  # a graph may refuse rows that have nothing else, in any way that TensorFlow knows
        _log.warning("nothing is told of how field %r moves the score: %s", name, where_raised(error))
        return None
    finite = ~np.isinf(made).any(axis=1)
    if finite.sum() < 1 or (gone is not None and np.isinf(gone).any()):
        return None
    kept = [value for value, fits in zip(values, finite.tolist(), strict=True) if fits]
    said: dict[str, Any] = {"field": name, "values": [_json(value) for value in kept]}
    if column.kind is Kind.BYTES:
        said["shares"] = [_share(value, statistics) for value in kept]
    together = sorted({known.names[at] for at, of in enumerate(known.fields) if name in of and of != (name,)})
    if together:
        said["unchanged"] = together
    return Tried(said=said, columns=columns, features=made[finite], missing=gone)


def _values(column: Column, statistics: FeatureNameStatistics) -> list[Any]:
    if column.kind is Kind.BYTES:
        texts = (top.value for top in statistics.string_stats.top_values if not stands_for_long(top.value))
        return [text for text in texts if len(text) <= _LONGEST][:_MOST_TEXTS]
    fine = [one.histogram.buckets for one in statistics.custom_stats if one.name == VALUES]
    deciles = [one.buckets for one in statistics.num_stats.histograms if one.type == statistics_pb2.Histogram.QUANTILES]
    buckets = list(next((one for one in fine + deciles if one), []))
    if not sum(bucket.sample_count for bucket in buckets) > 0:
        return []
    if column.kind is Kind.INT and buckets[-1].high_value - buckets[0].low_value < _MOST_WHOLE:
        return list(range(round(buckets[0].low_value), round(buckets[-1].high_value) + 1))
    points = _points(buckets, _MOST_RANK if fine else _MOST_OF_DECILES)
    return sorted({_of_kind(value, column) for value in points})


def _of_kind(value: float, column: Column) -> float | int:
    if column.kind is Kind.INT:
        return round(value)
    return float(round(value)) if column.boolean else float(np.float32(value))


def _points(buckets: Sequence[statistics_pb2.Histogram.Bucket], most: float) -> list[float]:
    """Return numbers between which lie equal shares of rows, up to the value that a share `most` of them is below."""
    counts = np.array([bucket.sample_count for bucket in buckets])
    ends = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    ranks = np.stack([ends[:-1], ends[1:]], axis=1).ravel()
    values = [value for bucket in buckets for value in (bucket.low_value, bucket.high_value)]
    return np.interp(np.linspace(_LEAST_RANK, most, _POINTS), ranks, values).tolist()


def _made(graph: TransformGraph, column: Column, values: list[Any]) -> np.ndarray:
    """Return the features of rows that have nothing but a value each of one column."""
    cells = [None if value is None else [value] for value in values] if column.value_count is not None else values
    arrays = [
        pa.array(cells, one.arrow_type) if one.name == column.name else pa.nulls(len(values), one.arrow_type)
        for one in graph.schema.columns
    ]
    return graph.apply(pa.RecordBatch.from_arrays(arrays, names=list(graph.schema.names)))


def _common(statistics: FeatureNameStatistics) -> statistics_pb2.CommonStatistics:
    which = statistics.WhichOneof("stats")
    return getattr(statistics, which).common_stats if which else statistics_pb2.CommonStatistics()


def _missing(statistics: FeatureNameStatistics) -> bool:
    return _common(statistics).num_missing > 0


def _share(text: str, statistics: FeatureNameStatistics) -> float:
    common = _common(statistics)
    rows = common.num_missing + common.num_non_missing
    found = next((top.frequency for top in statistics.string_stats.top_values if top.value == text), 0.0)
    return rounded(found / rows) if rows else 0.0


def _json(value: Any) -> Any:
    return rounded(value) if isinstance(value, float) else value
