"""What each path made of the raw records: their features, in the scorer's order, and behind them the scores."""

import itertools
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset

from beam_jobs.skew.records import RawRecords
from models.evaluation.skew import PathValues
from models.scoring.score_form import SCORE, SCORES
from models.scoring.scorer import Scorer
from schemas.errors import ArtifactError
from transforms.examples.examples import ExampleDecoder, ExampleEncoder
from transforms.graph.finite import infinite_rows, kept_rows

_BATCH_SIZES = (1, 2, 3, 7, 16, 33, 100, 1000, 4099)


def columns_of(feature_names: Sequence[str], score_names: Sequence[str]) -> list[str]:
    """Return the names of what is compared: the features, then the scores, called as no feature is.

    >>> columns_of(["fare"], ["score"]), columns_of(["fare", "score"], ["score"])
    (['fare', 'score'], ['fare', 'score', '(score)'])
    """
    names = list(feature_names)
    for name in score_names:
        while name in names:
            name = f"({name})"
        names.append(name)
    return names


def of_prediction_files(folder: pathlib.Path, scorer: Scorer, records: RawRecords) -> PathValues:
    """Return what `score_batch` wrote to a folder, as Parquet and with features."""
    table = pyarrow.dataset.dataset(sorted(map(str, folder.glob("predictions-*.parquet")))).to_table()
    values = [table.column(f"features.{name}").to_numpy() for name in scorer.feature_names]
    values += [table.column(name).to_numpy() for name in scorer.form.names]
    rows = records.numbers(table.column("id").to_pylist())
    return PathValues(rows, np.stack(values, axis=1).astype(np.float32))


def of_predictions(
    predictions: Sequence[tuple[str, Mapping[str, Any]]], scorer: Scorer, records: RawRecords, registry: str
) -> PathValues:
    """Return what `score_stream` made of records: (id, JSON value) pairs, with features.

    Raises `ArtifactError`, naming the registry, if another bundle than the scorer's made one.
    """
    for _, prediction in predictions:
        if prediction["bundle"] != scorer.bundle_id:
            raise ArtifactError(
                f"{registry}: bundle {prediction['bundle']} replaced {scorer.bundle_id} meanwhile; run again"
            )
    values = np.full((len(predictions), len(scorer.feature_names) + len(scorer.form.names)), np.nan, np.float32)
    for row, (_, prediction) in enumerate(predictions):
        cells = [prediction["features"][name] for name in scorer.feature_names]
        cells += [prediction[SCORES][name] for name in scorer.form.classes] or [prediction[SCORE]]
        values[row] = [np.nan if cell is None else cell for cell in cells]
    return PathValues(records.numbers([name for name, _ in predictions]), values)


def of_copy(scorer: Scorer, rows: pa.RecordBatch, folder: pathlib.Path) -> PathValues:
    """Return what a copy of the bundle makes of treated rows, loaded from `folder` and called with many batch sizes."""
    reloaded = Scorer.load(shutil.copytree(scorer.path, folder))
    numbers, parts = [], []
    for start, size in _cuts(rows.num_rows):
        scored, kept, _ = reloaded.score_rows(rows.slice(start, size))
        numbers.append(start + kept)
        parts.append(np.column_stack([scored.features, scored.scores]))
    return PathValues(np.concatenate(numbers), np.concatenate(parts))


def of_examples(scorer: Scorer, rows: pa.RecordBatch) -> PathValues:
    """Return what training reads back from the serialized examples of treated rows, scored."""
    graph = scorer.graph
    features, ids = graph.apply_with_ids(rows)
    kept = kept_rows(len(features), infinite_rows(features, graph.feature_names))
    features, ids = features[kept], {name: lists.take(pa.array(kept)) for name, lists in ids.items()}
    label = np.zeros(len(features), np.float32)
    layout = graph.feature_names, graph.feature_kinds, (), graph.wide_outputs
    decoded, *_ = ExampleDecoder(*layout).decode(ExampleEncoder(*layout).encode(features, label, ids=ids))
    return PathValues(kept, np.column_stack([decoded, scorer.model.predict(decoded)]))


def _cuts(rows: int) -> Iterator[tuple[int, int]]:
    start = 0
    for size in itertools.cycle(_BATCH_SIZES):
        if start >= rows:
            return
        yield start, size
        start += size
