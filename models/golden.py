"""Golden rows: raw rows kept in every bundle with the features and scores that they must give, bit for bit.

They are drawn from the training statistics (quantiles, frequent strings, how often a value is missing), never copied
from records: a bundle holds no one's trip.
"""

import pathlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import statistics_pb2

from models.scorer import Scored, Scorer
from schemas.errors import ArtifactError
from schemas.schema import Column, Kind, Schema

FILE = "rows.arrow"
ROWS = 128
FEWEST = 128
"""Golden rows that every bundle ever had at least; one with fewer is not as it was released."""

_FEATURES, _SCORE = "golden features", "golden score"
_UNSEEN = "(unseen)"
_SMALL_BATCHES = (1, 7)


def sample_rows(schema: Schema, statistics: bytes, rows: int = ROWS, seed: int = 1) -> pa.RecordBatch:
    """Return raw rows that look like the training data; the same statistics give the same rows.

    `statistics` is a serialized `DatasetFeatureStatisticsList`. A column without statistics, and every personal one,
    is drawn from the schema alone.
    """
    parsed = statistics_pb2.DatasetFeatureStatisticsList.FromString(statistics)
    known = {_name(feature): feature for dataset in parsed.datasets for feature in dataset.features}
    random = np.random.default_rng(seed)
    arrays = []
    for column in schema.columns:
        feature = None if column.role("personal") is not None else known.get(column.name)
        choices = _choices(column, feature)
        values = [choices[place] for place in random.integers(0, len(choices), rows)]
        missing = random.random(rows) < (0.0 if column.required else max(_missing_share(feature), 0.05))
        arrays.append(pa.array(values, column.kind.value, mask=missing))
    return pa.RecordBatch.from_arrays(arrays, schema=schema.arrow_schema)


def write_golden(scorer: Scorer, rows: pa.RecordBatch, folder: pathlib.Path) -> None:
    """Write rows with their features and scores; raises `ArtifactError` where they depend on the batch size."""
    scored = scorer.score(rows)
    for size in _SMALL_BATCHES:
        parts = [scorer.score(rows.slice(start, size)) for start in range(0, rows.num_rows, size)]
        again = Scored(np.concatenate([p.features for p in parts]), np.concatenate([p.scores for p in parts]))
        _compare(scored, again, scorer.feature_names, f"{folder}: in batches of {size}")
    features = pa.FixedSizeListArray.from_arrays(pa.array(scored.features.ravel()), scored.features.shape[1])
    columns = [*rows.columns, features, pa.array(scored.scores)]
    table = pa.RecordBatch.from_arrays(columns, [*rows.schema.names, _FEATURES, _SCORE])
    folder.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(folder / FILE), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_batch(table)


def read_golden(folder: pathlib.Path) -> tuple[pa.RecordBatch, Scored]:
    """Return a bundle's golden raw rows, and the features and scores that they must give."""
    try:
        with pa.OSFile(str(folder / FILE), "rb") as file:
            opened = pa.ipc.open_file(file)
            table = opened.read_all().combine_chunks().to_batches()[0]
        features = table.column(_FEATURES)
        wanted = features.flatten().to_numpy().reshape(len(features), -1)
        scores = table.column(_SCORE).to_numpy()
    except (OSError, LookupError, ValueError, AttributeError, pa.ArrowException):
        raise ArtifactError(f"{folder / FILE}: no golden rows in Arrow's file format; release again") from None
    rows = table.select([name for name in table.schema.names if name not in (_FEATURES, _SCORE)])
    return rows, Scored(wanted, scores)


def replay_golden(scorer: Scorer, folder: str | pathlib.Path) -> tuple[pa.RecordBatch, Scored]:
    """Score the golden rows again and return both; raises `ArtifactError` naming the first feature that differs.

    It differs where any bit does. There must be as many rows as the manifest says, and at least `FEWEST`.
    """
    folder = pathlib.Path(folder)
    rows, wanted = read_golden(folder)
    said = scorer.manifest["golden_rows"]
    if rows.num_rows != said or said < FEWEST:
        raise ArtifactError(
            f"{folder / FILE}: has {rows.num_rows} golden rows, the manifest says {said}, wanted at least {FEWEST}; "
            "release again"
        )
    scored = scorer.score(rows)
    _compare(wanted, scored, scorer.feature_names, f"{folder / FILE}")
    return rows, scored


def _compare(wanted: Scored, got: Scored, names: Sequence[str], where: str) -> None:
    for one, other in ((wanted.features, got.features), (wanted.scores, got.scores)):
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            raise ArtifactError(f"{where}: golden features or scores of another number or type; release again")
    other = wanted.features.view(np.int32) != got.features.view(np.int32)
    if other.any():
        name = names[int(other.any(axis=0).argmax())]
        raise ArtifactError(
            f"{where}: feature {name!r} differs in {int(other.any(axis=1).sum())} of {len(other)} golden rows; "
            "do not serve this bundle with these libraries"
        )
    differing = wanted.scores.view(np.int32) != got.scores.view(np.int32)
    if differing.any():
        raise ArtifactError(
            f"{where}: the score differs in {int(differing.sum())} of {len(differing)} golden rows; "
            "do not serve this bundle with these libraries"
        )


def _name(feature: statistics_pb2.FeatureNameStatistics) -> str:
    return feature.name or ".".join(feature.path.step)


def _missing_share(feature: statistics_pb2.FeatureNameStatistics | None) -> float:
    if feature is None:
        return 0.0
    which = feature.WhichOneof("stats")
    common = getattr(feature, which).common_stats if which else statistics_pb2.CommonStatistics()
    rows = common.num_missing + common.num_non_missing
    return common.num_missing / rows if rows else 0.0


def _choices(column: Column, feature: statistics_pb2.FeatureNameStatistics | None) -> list:
    """Return the values to draw from, never empty."""
    if column.kind is Kind.BYTES:
        frequent = [top.value for top in feature.string_stats.top_values] if feature is not None else []
        return [*(frequent or sorted(column.domain or [])), _UNSEEN]
    edges = _edges(feature)
    low = column.minimum if column.minimum is not None else 0
    high = column.maximum if column.maximum is not None else low + 100
    values = [min(max(edge, low), high) for edge in edges] or [low, (low + high) / 2, high]
    return [int(value) for value in values] if column.kind is Kind.INT else values


def _edges(feature: statistics_pb2.FeatureNameStatistics | None) -> list[float]:
    """Return the edges of the quantile histogram, or smallest, median and largest where there is none."""
    if feature is None or not feature.HasField("num_stats"):
        return []
    numbers = feature.num_stats
    for histogram in numbers.histograms:
        if histogram.type == statistics_pb2.Histogram.QUANTILES:
            edges = [histogram.buckets[0].low_value] if histogram.buckets else []
            found = [*edges, *(bucket.high_value for bucket in histogram.buckets)]
            return [edge for edge in found if np.isfinite(edge)]
    return [numbers.min, numbers.median, numbers.max]
