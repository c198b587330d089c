"""Spooled rows to features: the second pass of a build, up to what is written."""

import dataclasses
from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.batch.intake_steps import split_slices
from beam_jobs.batch.spool import SpooledRows
from schemas.rejection import Rejection
from transforms.graph.finite import infinite_rows, kept_rows
from transforms.graph.graph import TransformGraph


@dataclasses.dataclass(frozen=True)
class TransformedRows:
    """Rows of one block with their features (float32 [rows, features]), and those whose features no model can take."""

    spooled: SpooledRows
    batch: pa.RecordBatch
    features: np.ndarray
    label: np.ndarray
    sizes: tuple[int, ...]
    rejected: list[tuple[Rejection, bytes | None]]

    def of_splits(self) -> list[slice]:
        """Return where the rows of each split are."""
        return split_slices(self.sizes)


@dataclasses.dataclass
class TransformRows(beam.PTransform):
    """From `SpooledRows` to `TransformedRows` by the graph at `graph`; a row with an infinite feature is rejected."""

    graph: str

    def expand(self, rows: beam.PCollection[SpooledRows]) -> beam.PCollection[TransformedRows]:
        return rows | "Apply Graph" >> beam.ParDo(_TransformRows(self.graph))


class _TransformRows(beam.DoFn):
    def __init__(self, graph: str):
        self._path = graph

    def setup(self) -> None:
        self._graph = TransformGraph.load(self._path)

    def process(self, rows: SpooledRows) -> Iterator[TransformedRows]:
        yield transformed(rows, self._graph)


def transformed(rows: SpooledRows, graph: TransformGraph) -> TransformedRows:
    """Transform one block; rejections are by the rows' numbers in the file's block, in ascending order."""
    features = graph.apply(rows.batch)
    infinite = infinite_rows(features, graph.feature_names)
    if not infinite:
        return TransformedRows(rows, rows.batch, features, rows.label, rows.sizes, [])
    kept = kept_rows(len(features), infinite)
    sizes = tuple(int(((kept >= part.start) & (kept < part.stop)).sum()) for part in rows.of_splits())
    rejected = [
        (dataclasses.replace(lost, row=int(rows.numbers[lost.row])), rows.values[lost.row].as_py()) for lost in infinite
    ]
    rejected.sort(key=lambda pair: pair[0].row)
    batch = rows.batch.take(pa.array(kept))
    return TransformedRows(rows, batch, features[kept], rows.label[kept], sizes, rejected)
