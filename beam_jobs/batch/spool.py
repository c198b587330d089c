"""The spool: labelled batches kept as columns on disk between the two passes of a build.

Raw files are read, decoded and validated once. The second pass sees the very rows that the analysis saw, even if
somebody changes the files meanwhile, and nothing waits in memory.
"""

import collections
import dataclasses
import json
import uuid
from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.batch.intake_steps import LabelledRows, split_slices
from beam_jobs.batch.rejected_rows import RejectedWriter
from beam_jobs.batch.written_files import REJECTED, Position, UnnamedFile, Written, at_bundle_end
from beam_jobs.cli import progress
from beam_jobs.stored import files
from beam_jobs.stored.outgoing import Outgoing
from schemas.address import is_remote

SPOOL = "spool"

# Behind the raw columns, and known by their position: a raw column may have any name.
_ADDED = pa.schema(
    {"label": pa.float32(), "number": pa.int64(), "value": pa.binary(), "weight": pa.float32(), "query": pa.int64()}
)
_FACTS = b"onegraph"


@dataclasses.dataclass(frozen=True)
class SpooledRows:
    """Rows of one block without those that were rejected; see `LabelledRows`. `file` is its name."""

    file: str
    start: Position
    batch: pa.RecordBatch
    label: np.ndarray
    numbers: np.ndarray
    values: pa.Array
    sizes: tuple[int, ...]
    weight: np.ndarray | None = None
    query: np.ndarray | None = None

    def of_splits(self) -> list[slice]:
        """Return where the rows of each split are."""
        return split_slices(self.sizes)


@dataclasses.dataclass
class WriteSpool(beam.PTransform):
    """From `LabelledRows` to `Written`: keep the rows in spool files, the rejected ones as JSON lines.

    `columns` are those of the raw rows, which rejections are counted by.
    """

    folder: str
    splits: Sequence[str]
    columns: Sequence[str]

    def expand(self, rows: beam.PCollection[LabelledRows]) -> beam.PCollection[Written]:
        return rows | "Write Columns" >> beam.ParDo(_WriteSpool(self.folder, self.splits, self.columns))


@dataclasses.dataclass
class ReadSpool(beam.PTransform):
    """From spool files to their `SpooledRows`, each file read in its order."""

    files: Sequence[UnnamedFile]

    def expand(self, root: beam.pvalue.PBegin) -> beam.PCollection[SpooledRows]:
        paths = [file.path for file in self.files]
        return root | "List Spool" >> beam.Create(paths) | "Read Columns" >> beam.FlatMap(read_spool)


class _WriteSpool(beam.DoFn):
    def __init__(self, folder: str, splits: Sequence[str], columns: Sequence[str]):
        self._folder, self._splits, self._columns = folder, tuple(splits), tuple(columns)

    def start_bundle(self) -> None:
        self._spool: _Spool | None = None

    def process(self, rows: LabelledRows) -> None:
        if self._spool is None:
            self._spool = _Spool(self._folder, self._splits, self._columns, rows)
        self._spool.add(rows)
        progress.advance(0, rejected=len(rows.rejected))

    def finish_bundle(self) -> Iterator:
        if self._spool is not None:
            yield from at_bundle_end(self._spool.close())


class _Spool:
    """The open files of one bundle."""

    def __init__(self, folder: str, splits: Sequence[str], columns: Sequence[str], first: LabelledRows):
        name = uuid.uuid4().hex
        self._path = f"{folder}/{name}.arrows"
        self._start = first.start
        self._file = pa.PythonFile(files.created(self._path)) if is_remote(folder) else pa.OSFile(self._path, "wb")
        self._columns = pa.ipc.new_stream(self._file, _columns(first).schema)
        self._lost = Outgoing(f"{folder}/{name}.rejected")
        self._rejected = RejectedWriter(self._lost.here, columns)
        self._splits = splits
        self._sizes = [0] * len(splits)
        self._label_sums = [0.0] * len(splits)
        self._rows_read = 0
        self._left_out: collections.Counter[str] = collections.Counter()
        self._wrong_labels: collections.Counter[str] = collections.Counter()
        self._first_wrong: tuple[Position, str] | None = None

    def add(self, rows: LabelledRows) -> None:
        """Append one block."""
        facts = json.dumps({"file": rows.file.name, "start": rows.start, "sizes": rows.sizes}).encode()
        self._columns.write_batch(_columns(rows), custom_metadata={_FACTS: facts})
        self._rejected.write(rows.file.name, rows.first_row, rows.rejected)
        self._rows_read += rows.rows_read
        self._left_out.update(rows.left_out)
        self._wrong_labels.update(rows.wrong_labels)
        if rows.first_wrong is not None:
            here = (rows.file.number, rows.first_wrong), rows.file.name
            self._first_wrong = min(here, self._first_wrong or here)
        for split, own in enumerate(rows.of_splits()):
            self._sizes[split] += rows.sizes[split]
            self._label_sums[split] += float(rows.label[own].sum(dtype=np.float64))

    def close(self) -> Written:
        """Finish both files."""
        self._columns.close()
        self._file.close()
        counts = self._rejected.counts
        return Written(
            files={
                SPOOL: [UnnamedFile(self._path, self._start, sum(self._sizes))],
                REJECTED: [UnnamedFile(self._lost.path, self._start, counts.total(), self._lost.finish())],
            },
            rows_read=self._rows_read,
            split_rows=dict(zip(self._splits, self._sizes, strict=True)),
            label_sums=dict(zip(self._splits, self._label_sums, strict=True)),
            rejected_counts=counts,
            wrong_labels=dict(self._wrong_labels),
            first_wrong_label=self._first_wrong,
            left_out=dict(self._left_out),
        )


def read_spool(path: str) -> Iterator[SpooledRows]:
    """Yield the blocks of one spool file."""
    opened = pa.PythonFile(files.opened(path)) if is_remote(path) else pa.OSFile(path)
    with opened as file, pa.ipc.open_stream(file) as stream:
        for columns, metadata in stream.iter_batches_with_custom_metadata():
            facts = json.loads(metadata[_FACTS])
            *raw, label, numbers, values, weight, query = columns.columns
            yield SpooledRows(
                file=facts["file"],
                start=tuple(facts["start"]),
                batch=pa.RecordBatch.from_arrays(raw, schema=pa.schema(list(columns.schema)[: -len(_ADDED)])),
                label=label.to_numpy(),
                numbers=numbers.to_numpy(),
                values=values,
                sizes=tuple(facts["sizes"]),
                weight=None if weight.null_count else weight.to_numpy(),
                query=None if query.null_count else query.to_numpy(),
            )


def _columns(rows: LabelledRows) -> pa.RecordBatch:
    count = len(rows.label)
    weight = pa.nulls(count, pa.float32()) if rows.weight is None else pa.array(rows.weight, pa.float32())
    query = pa.nulls(count, pa.int64()) if rows.query is None else pa.array(rows.query, pa.int64())
    added = [pa.array(rows.label, pa.float32()), pa.array(rows.numbers, pa.int64()), rows.values, weight, query]
    return pa.RecordBatch.from_arrays([*rows.batch.columns, *added], schema=pa.schema([*rows.batch.schema, *_ADDED]))
