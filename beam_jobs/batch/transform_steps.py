"""Spooled rows to features: the second pass of a build, up to what is written."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.batch.intake_steps import InOrder, split_slices
from beam_jobs.batch.spool import SpooledRows
from beam_jobs.process.worker_pool import SharedTask
from beam_jobs.stored.folders import folder_here
from schemas.rejection import Rejection
from transforms.graph.finite import infinite_rows, kept_rows
from transforms.graph.graph import TransformGraph


@dataclasses.dataclass(frozen=True)
class TransformedRows:
    """Rows of one block with their features (float32 [rows, features]), and those whose features no model can take.

    `ids` are the lists of ids, by output, that columns of the features count.
    """

    spooled: SpooledRows
    batch: pa.RecordBatch
    features: np.ndarray
    ids: Mapping[str, pa.ListArray]
    label: np.ndarray
    sizes: tuple[int, ...]
    rejected: list[tuple[Rejection, bytes | None]]
    weight: np.ndarray | None = None
    query: np.ndarray | None = None

    def of_splits(self) -> list[slice]:
        """Return where the rows of each split are."""
        return split_slices(self.sizes)


@dataclasses.dataclass
class TransformRows(beam.PTransform):
    """From `SpooledRows` to `TransformedRows` by the graph at `graph`; a row with an infinite feature is rejected.

    Blocks come out in the order that they came in, whoever of the pool transforms them.
    """

    graph: str
    pool: str | None = None

    def expand(self, rows: beam.PCollection[SpooledRows]) -> beam.PCollection[TransformedRows]:
        return rows | "Apply Graph" >> beam.ParDo(InOrder(SharedTask(TransformTask(self.graph), self.pool)))


@dataclasses.dataclass(frozen=True)
class TransformTask:
    """From `SpooledRows` to `TransformedRows`, as a process does it that has loaded the graph."""

    graph: str

    def prepare(self) -> Callable[[SpooledRows], TransformedRows]:
        """Load the graph."""
        return functools.partial(transformed, graph=TransformGraph.load(folder_here(self.graph)))


def transformed(rows: SpooledRows, graph: TransformGraph) -> TransformedRows:
    """Transform one block; rejections are by the rows' numbers in the file's block, in ascending order."""
    features, ids = graph.apply_with_ids(rows.batch)
    infinite = infinite_rows(features, graph.feature_names)
    if not infinite:
        return TransformedRows(rows, rows.batch, features, ids, rows.label, rows.sizes, [], rows.weight, rows.query)
    kept = kept_rows(len(features), infinite)
    sizes = tuple(int(((kept >= part.start) & (kept < part.stop)).sum()) for part in rows.of_splits())
    rejected = [
        (dataclasses.replace(lost, row=int(rows.numbers[lost.row])), rows.values[lost.row].as_py()) for lost in infinite
    ]
    rejected.sort(key=lambda pair: pair[0].row)
    batch = rows.batch.take(pa.array(kept))
    weight, query = (None if one is None else one[kept] for one in (rows.weight, rows.query))
    ids = {name: lists.take(pa.array(kept)) for name, lists in ids.items()}
    return TransformedRows(rows, batch, features[kept], ids, rows.label[kept], sizes, rejected, weight, query)
