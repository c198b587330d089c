"""Training set shards: labelled batches transformed by the graph, encoded and written where they are made.

Nothing of a row's size leaves the step that writes: what goes on is one small `Written` per bundle.
"""

import collections
import concurrent.futures
import dataclasses
import pathlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from beam_jobs.intake_steps import LabelledRows
from beam_jobs.rejected_rows import RejectedWriter
from transforms.examples import ExampleEncoder
from transforms.graph import TransformGraph
from transforms.tfrecord import SUFFIXES, ShardWriter

Position = tuple[int, int]

_WAITING_BLOCKS = 2


@dataclasses.dataclass(frozen=True)
class UnnamedShard:
    """A finished file that has its temporary name; `start` (file, row) puts the shards of a split in order."""

    path: str
    start: Position
    rows: int


@dataclasses.dataclass(frozen=True)
class Written:
    """What one bundle wrote: shards per split, rejected files, and counts for the manifest."""

    rows_read: int
    shards: dict[str, list[UnnamedShard]]
    label_sums: dict[str, float]
    rejected: list[UnnamedShard]
    rejected_counts: collections.Counter[tuple[str, str]]


@dataclasses.dataclass
class WriteShards(beam.PTransform):
    """From `LabelledRows` to `Written`: transform, encode, write. `folder` takes the files, under temporary names."""

    graph: str
    folder: str
    splits: Sequence[str]
    slices: Sequence[str]
    compression: str
    rows_per_shard: int

    def expand(self, rows: beam.PCollection[LabelledRows]) -> beam.PCollection[Written]:
        return rows | "Transform Encode And Write" >> beam.ParDo(_WriteShards(**dataclasses.asdict(self)))


class _WriteShards(beam.DoFn):
    def __init__(self, graph: str, **settings: Any):
        self._path = graph
        self._settings = settings

    def setup(self) -> None:
        self._graph = TransformGraph.load(self._path)

    def start_bundle(self) -> None:
        self._bundle: _Bundle | None = None

    def process(self, rows: LabelledRows) -> None:
        if self._bundle is None:
            self._bundle = _Bundle(self._graph, **self._settings)
        self._bundle.add(rows)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._bundle is not None:
            yield WindowedValue(self._bundle.close(), GlobalWindow().max_timestamp(), (GlobalWindow(),))


class _Bundle:
    """The open files of one bundle."""

    def __init__(
        self,
        graph: TransformGraph,
        folder: str,
        splits: Sequence[str],
        slices: Sequence[str],
        compression: str,
        rows_per_shard: int,
    ):
        self._graph = graph
        self._prefix = pathlib.Path(folder) / uuid.uuid4().hex
        self._slices = tuple(slices)
        self._encode = ExampleEncoder(graph.feature_names, graph.feature_kinds, slices).encode
        self._compression = compression
        self._splits = {name: _Split(name) for name in splits}
        self._rows_per_shard = rows_per_shard
        self._rejected = RejectedWriter(self._prefix.with_name(f"{self._prefix.name}-rejected.jsonl"))
        self._start: Position | None = None
        self._rows_read = 0
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._waiting: collections.deque[concurrent.futures.Future[None]] = collections.deque()

    def add(self, rows: LabelledRows) -> None:
        """Transform and write one block."""
        position = (rows.file.place, rows.first_row)
        self._start = position if self._start is None else self._start
        self._rows_read += rows.rows_read
        self._rejected.write(rows.file.name, rows.first_row, rows.rejected)
        features = self._graph.apply(rows.batch)
        # Encoding and compressing leave the interpreter to others for most of their time.
        self._waiting.append(self._thread.submit(self._encode_and_write, rows, features, position))
        if len(self._waiting) > _WAITING_BLOCKS:
            self._waiting.popleft().result()

    def _encode_and_write(self, rows: LabelledRows, features: np.ndarray, position: Position) -> None:
        for split, mine in zip(self._splits.values(), rows.of_splits(), strict=True):
            count = mine.stop - mine.start
            if count:
                taken = {name: rows.batch.column(name).slice(mine.start, count) for name in self._slices}
                self._write(split, self._encode(features[mine], rows.label[mine], taken), position)
                split.label_sum += float(rows.label[mine].sum(dtype=np.float64))

    def _write(self, split: "_Split", examples: list[bytes], position: Position) -> None:
        while examples:
            if split.writer is None:
                name = f"{self._prefix.name}-{split.name}-{len(split.shards)}{SUFFIXES[self._compression]}"
                split.path = self._prefix.with_name(name)
                split.writer, split.start, split.rows = ShardWriter(split.path, self._compression), position, 0
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
        self._rejected.close()
        rejected = UnnamedShard(str(self._rejected.path), self._start or (0, 0), sum(self._rejected.counts.values()))
        return Written(
            rows_read=self._rows_read,
            shards={name: split.shards for name, split in self._splits.items()},
            label_sums={name: split.label_sum for name, split in self._splits.items()},
            rejected=[rejected],
            rejected_counts=self._rejected.counts,
        )


class _Split:
    """The open shard of one split and those before it."""

    def __init__(self, name: str):
        self.name = name
        self.shards: list[UnnamedShard] = []
        self.writer: ShardWriter | None = None
        self.path = pathlib.Path()
        self.start: Position = (0, 0)
        self.rows = 0
        self.label_sum = 0.0

    def finish(self) -> None:
        """Close the open shard, if there is one."""
        if self.writer is not None:
            self.writer.close()
            self.shards.append(UnnamedShard(str(self.path), self.start, self.rows))
            self.writer = None
