"""Golden rows: raw rows kept in every bundle with the features and scores that they must give, bit for bit.

They are drawn from the training statistics (quantiles, frequent strings), never copied from records: a bundle holds no
one's trip. Some are like the data. The others have the edges of the columns: least and most, zero, negative, beyond
what was seen, an unseen string, an empty one, missing. What the schema forbids is no golden row, nor what the bundle's
own scorer rejects, such as a ratio by zero.
"""

import errno
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import statistics_pb2

from models.scoring.golden_values import GoldenValues
from models.scoring.scorer import Scored, Scorer
from schemas.errors import ArtifactError
from schemas.schema import Schema
from schemas.validation import validate

FILE = "rows.arrow"
ROWS = 256
FEWEST = 128
"""Golden rows that every bundle ever had at least; one with fewer is not as it was released."""

_LIBRARIES = "do not serve this bundle with these libraries"
_ALONE = (
    "the graph makes a row's features of the other rows of its batch too, or of chance; in preprocessing_fn use "
    "tf.Transform's tft.mean, tft.max and so on for what is over rows, transforms.missing.fill for values; build again"
)
_FEATURES, _SCORE = "golden features", "golden score"
_ROWS_OF_EDGES = 128
_TRIED = 2048
_TURNS = 3
_SMALL_BATCHES = (1, 7)


def choose_rows(scorer: Scorer, statistics: bytes, seed: int = 1) -> pa.RecordBatch:
    """Return `ROWS` raw rows that a bundle's scorer scores; the same bundle and statistics give the same rows.

    `statistics` is a serialized `DatasetFeatureStatisticsList`; what it does not have, and every personal column, is
    drawn from the schema alone. Raises `ArtifactError` if the scorer rejects nearly all rows that are like the data.
    """
    parsed = statistics_pb2.DatasetFeatureStatisticsList.FromString(statistics)
    known = {_name(feature): feature for dataset in parsed.datasets for feature in dataset.features}
    schema, random = scorer.schema, np.random.default_rng(seed)
    values = [GoldenValues.of(column, schema, known.get(column.name)) for column in schema.columns]
    like_the_data = _batch([one.draw(_TRIED, random) for one in values], schema)
    found = [like_the_data.slice(0, 0)]
    waiting = [(column, edge) for column, one in enumerate(values) for edge in one.edges]
    legal = validate(_with_edges(values, waiting, len(waiting), schema, random), schema).rows
    waiting = [waiting[number] for number in legal]
    for _ in range(_TURNS):  # a row may be rejected for what else is in it
        if not waiting:
            break
        rows = min(len(waiting), _ROWS_OF_EDGES)
        batch = _with_edges(values, waiting, rows, schema, random)
        good = _scorable(scorer, batch)
        found.append(batch.take(pa.array(good)))
        waiting = [edge for number, edge in enumerate(waiting) if number % rows not in good]
    edges = pa.concat_batches(found).slice(0, _ROWS_OF_EDGES)
    rest = like_the_data.take(pa.array(_scorable(scorer, like_the_data)[: ROWS - edges.num_rows]))
    rows = pa.concat_batches([edges, rest])
    if rows.num_rows < ROWS:
        raise ArtifactError(
            f"{scorer.path}: of {_TRIED} rows that are like the training data {rest.num_rows} can be scored; "
            "look at the preprocessing_fn for features that are not finite"
        )
    return rows


def write_golden(scorer: Scorer, rows: pa.RecordBatch, folder: pathlib.Path) -> None:
    """Write rows with their features and scores; raises `ArtifactError` if they depend on the batch size."""
    scored = scorer.compute(rows)
    for size in _SMALL_BATCHES:
        parts = [scorer.compute(rows.slice(start, size)) for start in range(0, rows.num_rows, size)]
        again = Scored(np.concatenate([p.features for p in parts]), np.concatenate([p.scores for p in parts]))
        _compare(scored, again, scorer.feature_names, f"{folder}: in batches of {size}", _ALONE)
    features = pa.FixedSizeListArray.from_arrays(pa.array(scored.features.ravel()), scored.features.shape[1])
    columns = [*rows.columns, features, _as_column(scored.scores)]
    table = pa.RecordBatch.from_arrays(columns, [*rows.schema.names, _FEATURES, _SCORE])
    folder.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(folder / FILE), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_batch(table)


def read_golden(folder: pathlib.Path) -> tuple[pa.RecordBatch, Scored]:
    """Return a bundle's golden raw rows, and the features and scores that they must give."""
    try:
        with pa.OSFile(str(folder / FILE), "rb") as file:
            table = pa.ipc.open_file(file).read_all().combine_chunks()
        # By number: a raw column may have any name.
        *raw, features, score = (column.chunk(0) for column in table.columns)
        wanted = features.flatten().to_numpy().reshape(len(features), -1)
        several = pa.types.is_fixed_size_list(score.type)
        scores = score.flatten().to_numpy().reshape(len(score), -1) if several else score.to_numpy()
        rows = pa.RecordBatch.from_arrays(raw, schema=pa.schema(list(table.schema)[:-2]))
    except (OSError, LookupError, ValueError, AttributeError, pa.ArrowException) as error:
        # Arrow says of a torn file an OSError without a number; with one, it is the machine's
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
            raise
        raise ArtifactError(f"{folder / FILE}: no golden rows in Arrow's file format; release again") from None
    return rows, Scored(wanted, scores)


def replay_golden(scorer: Scorer, folder: str | pathlib.Path) -> tuple[pa.RecordBatch, Scored]:
    """Score the golden rows again and return both; raises `ArtifactError` naming the first feature that differs.

    It differs if any bit does. There must be as many rows as the manifest says, and at least `FEWEST`.
    """
    folder = pathlib.Path(folder)
    rows, wanted = read_golden(folder)
    said = scorer.manifest["golden_rows"]
    if rows.num_rows != said or said < FEWEST:
        raise ArtifactError(
            f"{folder / FILE}: has {rows.num_rows} golden rows, the manifest says {said}, wanted at least {FEWEST}; "
            "release again"
        )
    scored = scorer.compute(rows)
    _compare(wanted, scored, scorer.feature_names, f"{folder / FILE}")
    return rows, scored


def _compare(wanted: Scored, got: Scored, names: Sequence[str], where: str, cure: str = _LIBRARIES) -> None:
    for one, other in ((wanted.features, got.features), (wanted.scores, got.scores)):
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            raise ArtifactError(f"{where}: golden features or scores of another number or type; release again")
    other = wanted.features.view(np.int32) != got.features.view(np.int32)
    if other.any():
        name = names[int(other.any(axis=0).argmax())]
        raise ArtifactError(
            f"{where}: feature {name!r} differs in {int(other.any(axis=1).sum())} of {len(other)} golden rows; {cure}"
        )
    differing = wanted.scores.view(np.int32) != got.scores.view(np.int32)
    if differing.ndim > 1:
        differing = differing.any(axis=1)
    if differing.any():
        raise ArtifactError(
            f"{where}: the score differs in {int(differing.sum())} of {len(differing)} golden rows; {cure}"
        )


def _as_column(scores: np.ndarray) -> pa.Array:
    """Return scores as a column: a list per row of several classes."""
    if scores.ndim == 1:
        return pa.array(scores)
    return pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), scores.shape[1])


def _name(feature: statistics_pb2.FeatureNameStatistics) -> str:
    return feature.name or ".".join(feature.path.step)


def _with_edges(
    values: Sequence[GoldenValues],
    edges: Sequence[tuple[int, Any]],
    rows: int,
    schema: Schema,
    random: np.random.Generator,
) -> pa.RecordBatch:
    """Draw rows and put into them edges, (number of the column, value), from the first row on and round again."""
    columns = [one.draw(rows, random) for one in values]
    for number, (column, edge) in enumerate(edges):
        columns[column][number % rows] = edge
    return _batch(columns, schema)


def _batch(columns: Sequence[Sequence[Any]], schema: Schema) -> pa.RecordBatch:
    arrays = [pa.array(values, column.arrow_type) for values, column in zip(columns, schema.columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema.arrow_schema)


def _scorable(scorer: Scorer, batch: pa.RecordBatch) -> np.ndarray:
    """Return the rows (int64) that schema and scorer take, as those of events."""
    legal = validate(batch, scorer.schema)
    _, kept, _ = scorer.score_rows(legal.batch)
    return legal.rows[kept]
