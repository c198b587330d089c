"""Training set shards: transformed rows encoded and written where they are made, and the rejected among them.

The raw rows of the test split are written by the same step where they are asked for, so that they are those of the
shards, in the same order and the same cuts, whatever runner parts the work.
"""

import collections
import concurrent.futures
import dataclasses
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.batch.parquet_shards import ParquetFiles
from beam_jobs.batch.rejected_rows import RejectedWriter
from beam_jobs.batch.transform_steps import TransformedRows
from beam_jobs.batch.written_files import REJECTED, Counts, Position, UnnamedFile, Written, at_bundle_end
from beam_jobs.cli import progress
from beam_jobs.stored.folders import folder_here
from beam_jobs.stored.outgoing import Outgoing
from models.training import test_rows
from transforms.examples.columns import with_columns
from transforms.examples.examples import ExampleEncoder
from transforms.examples.queries import with_query
from transforms.examples.tfrecord import SUFFIXES, ShardWriter
from transforms.examples.weights import with_weight
from transforms.graph import wide_outputs
from transforms.graph.graph import FEATURES

_WAITING_BLOCKS = 2


@dataclasses.dataclass
class WriteShards(beam.PTransform):
    """From `TransformedRows` to `Written`: encode, write. `folder` takes the files, under temporary names.

    `classes` is how many classes the label numbers, 0 if it numbers none; `columns` are the raw ones that go along for
    the use case's own metrics. `test_columns` are those of the raw rows of the test split, where they are kept.
    """

    graph: str
    folder: str
    splits: Sequence[str]
    slices: Sequence[str]
    compression: str
    rows_per_shard: int
    classes: int = 0
    columns: Sequence[str] = ()
    test_columns: pa.Schema | None = None

    def expand(self, rows: beam.PCollection[TransformedRows]) -> beam.PCollection[Written]:
        return rows | "Encode And Write" >> beam.ParDo(_WriteShards(**dataclasses.asdict(self)))


class _WriteShards(beam.DoFn):
    def __init__(self, graph: str, **settings: Any):
        self._path = graph
        self._settings = settings

    def setup(self) -> None:
        self._described = json.loads((folder_here(self._path) / FEATURES).read_text())

    def start_bundle(self) -> None:
        self._bundle: _Bundle | None = None

    def process(self, rows: TransformedRows) -> None:
        if self._bundle is None:
            self._bundle = _Bundle(self._described, **self._settings)
        self._bundle.add(rows)
        progress.advance(len(rows.spooled.label), rejected=len(rows.rejected))

    def finish_bundle(self) -> Iterator:
        if self._bundle is not None:
            yield from at_bundle_end(self._bundle.close())


class _Bundle:
    """The open files of one bundle."""

    def __init__(
        self,
        described: Mapping[str, Any],
        folder: str,
        splits: Sequence[str],
        slices: Sequence[str],
        compression: str,
        rows_per_shard: int,
        classes: int,
        columns: Sequence[str],
        test_columns: pa.Schema | None,
    ):
        self._prefix = f"{folder}/{uuid.uuid4().hex}"
        names, kinds = ([feature[part] for feature in described["features"]] for part in ("name", "kind"))
        wide = wide_outputs.from_json(described.get("wide_outputs", []), len(names))
        self._slices, self._columns = tuple(slices), tuple(columns)
        self._encode = ExampleEncoder(names, kinds, slices, wide).encode
        self._compression = compression
        self._splits = {name: _Split(name, classes) for name in splits}
        self._test_columns, self._test_rows = test_columns, None
        if test_columns is not None:
            self._test_rows = ParquetFiles(f"{self._prefix}-{test_rows.FACT}", test_columns, rows_per_shard)
        self._lost = Outgoing(f"{self._prefix}.rejected")
        self._rejected: RejectedWriter | None = None
        self._rejected_start: Position = (0, 0)
        self._rows_per_shard = rows_per_shard
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._waiting: collections.deque[concurrent.futures.Future[None]] = collections.deque()

    def add(self, rows: TransformedRows) -> None:
        """Write one block."""
        if rows.rejected:
            self._reject(rows)
        # Encoding and compressing leave the interpreter to others for most of their time.
        self._waiting.append(self._thread.submit(self._encode_and_write, rows))
        if len(self._waiting) > _WAITING_BLOCKS:
            self._waiting.popleft().result()

    def _reject(self, rows: TransformedRows) -> None:
        start = rows.spooled.start
        if self._rejected is None:
            self._rejected, self._rejected_start = RejectedWriter(self._lost.here, ()), start
        self._rejected.write(rows.spooled.file, start[1], rows.rejected)

    def _encode_and_write(self, rows: TransformedRows) -> None:
        for split, part in zip(self._splits.values(), rows.of_splits(), strict=True):
            count = part.stop - part.start
            if count:
                taken = {name: rows.batch.column(name).slice(part.start, count) for name in self._slices}
                label = rows.label[part]
                split.add_labels(label)
                ids = {name: lists.slice(part.start, count) for name, lists in rows.ids.items()}
                examples = self._encode(rows.features[part], label, taken, ids)
                if rows.weight is not None:
                    examples = with_weight(examples, rows.weight[part])
                along = {name: rows.batch.column(name).slice(part.start, count) for name in self._columns}
                examples = with_columns(examples, along)
                if rows.query is not None:
                    examples = with_query(examples, rows.query[part])
                self._write(split, examples, rows.spooled.start)
                if split.name == test_rows.SPLIT and self._test_rows is not None and self._test_columns is not None:
                    raw = rows.batch.slice(part.start, count).select(self._test_columns.names)
                    self._test_rows.add(raw, rows.spooled.start)

    def _write(self, split: "_Split", examples: list[bytes], position: Position) -> None:
        while examples:
            if split.writer is None:
                name = f"{self._prefix}-{split.name}-{len(split.files)}{SUFFIXES[self._compression]}"
                split.file = Outgoing(name)
                split.writer, split.start, split.rows = ShardWriter(split.file.here, self._compression), position, 0
            room = self._rows_per_shard - split.rows
            split.writer.write(examples[:room])
            split.rows += min(room, len(examples))
            examples = examples[room:]
            if split.rows == self._rows_per_shard:
                split.finish()

    def close(self) -> Written:
        """Finish every file."""
        while self._waiting:
            self._waiting.popleft().result()
        self._thread.shutdown()
        for split in self._splits.values():
            split.finish()
        files = {name: split.files for name, split in self._splits.items()}
        if self._test_rows is not None:
            files[test_rows.FACT] = self._test_rows.close()
        counts: Counts = collections.Counter()
        if self._rejected is not None:
            counts = self._rejected.counts
            files[REJECTED] = [UnnamedFile(self._lost.path, self._rejected_start, counts.total(), self._lost.finish())]
        rows = {name: sum(file.rows for file in files[name]) for name in self._splits}
        return Written(
            files=files,
            split_rows=rows,
            label_sums={name: split.label_sum for name, split in self._splits.items()},
            class_rows={name: split.class_rows.tolist() for name, split in self._splits.items()},
            rejected_counts=counts,
        )


class _Split:
    """The open shard of one split and those before it."""

    def __init__(self, name: str, classes: int):
        self.name = name
        self.class_rows = np.zeros(classes, np.int64)
        self.files: list[UnnamedFile] = []
        self.writer: ShardWriter | None = None
        self.file = Outgoing("")
        self.start: Position = (0, 0)
        self.rows = 0
        self.label_sum = 0.0

    def add_labels(self, label: np.ndarray) -> None:
        """Count the labels (float32 [rows]) of a block."""
        self.label_sum += float(label.sum(dtype=np.float64))
        if len(self.class_rows):
            self.class_rows += np.bincount(label.astype(np.int64), minlength=len(self.class_rows))

    def finish(self) -> None:
        """Close the open shard, if there is one."""
        if self.writer is not None:
            self.writer.close()
            self.files.append(UnnamedFile(self.file.path, self.start, self.rows, self.file.finish()))
            self.writer = None
