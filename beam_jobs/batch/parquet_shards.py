"""Parquet beside the shards, for `--parquet`: the same rows, in the same order and the same cuts, as columns.

A feature is a column of its name (float32, int64 where it is whole), the label is `label`, a slice `slice.<name>`, the
weight, where rows have one, `example.weight`, as in the examples. Columns for metrics, `example.column.<name>`, are of
their own types.
"""

import dataclasses
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet

from beam_jobs.batch.transform_steps import TransformedRows
from beam_jobs.batch.written_files import Position, UnnamedFile, Written, at_bundle_end
from beam_jobs.stored.folders import folder_here
from beam_jobs.stored.outgoing import Outgoing
from transforms.examples.names import COLUMN, LABEL, QUERY, SLICE, WEIGHT, stored_name
from transforms.graph.graph import FEATURES

SUFFIX = "parquet"
_GROUP_ROWS = 65_536


def kind(split: str) -> str:
    """Return the kind of file that `Written` has a split's Parquet under."""
    return f"{split}.{SUFFIX}"


@dataclasses.dataclass
class WriteParquet(beam.PTransform):
    """From `TransformedRows` to `Written`. `folder` takes the files, under temporary names."""

    graph: str
    folder: str
    splits: Sequence[str]
    slices: Sequence[str]
    rows_per_shard: int
    weighted: bool = False
    columns: Mapping[str, pa.DataType] = dataclasses.field(default_factory=dict)
    ranked: bool = False

    def expand(self, rows: beam.PCollection[TransformedRows]) -> beam.PCollection[Written]:
        return rows | "Write Columns" >> beam.ParDo(_WriteParquet(self))


class _WriteParquet(beam.DoFn):
    def __init__(self, settings: WriteParquet):
        self._settings = dataclasses.asdict(settings)

    def setup(self) -> None:
        described = json.loads((folder_here(self._settings["graph"]) / FEATURES).read_text())["features"]
        kinds = {"float": pa.float32(), "int": pa.int64()}
        fields = [pa.field(stored_name(feature["name"]), kinds[feature["kind"]]) for feature in described]
        slices = [pa.field(SLICE + name, pa.string()) for name in self._settings["slices"]]
        along = [pa.field(COLUMN + name, kind) for name, kind in self._settings["columns"].items()]
        weight = [pa.field(WEIGHT, pa.float32())] if self._settings["weighted"] else []
        query = [pa.field(QUERY, pa.int64())] if self._settings["ranked"] else []
        self._schema = pa.schema([*fields, pa.field(LABEL, pa.float32()), *weight, *query, *slices, *along])

    def start_bundle(self) -> None:
        prefix = f"{self._settings['folder']}/{uuid.uuid4().hex}"
        self._splits = [
            ParquetFiles(f"{prefix}-{name}", self._schema, self._settings["rows_per_shard"])
            for name in self._settings["splits"]
        ]

    def process(self, rows: TransformedRows) -> None:
        slices = [rows.batch.column(name).cast(pa.string()) for name in self._settings["slices"]]
        along = [rows.batch.column(name) for name in self._settings["columns"]]
        values = [*rows.features.T, rows.label]
        if self._settings["weighted"]:
            values.append(np.ones_like(rows.label) if rows.weight is None else rows.weight)
        if self._settings["ranked"]:
            values.append(rows.query)
        columns = [pa.array(value).cast(field.type) for value, field in zip(values, self._schema, strict=False)]
        batch = pa.RecordBatch.from_arrays([*columns, *slices, *along], schema=self._schema)
        for split, part in zip(self._splits, rows.of_splits(), strict=True):
            split.add(batch.slice(part.start, part.stop - part.start), rows.spooled.start)

    def finish_bundle(self) -> Iterator:
        files = {kind(name): split.close() for name, split in zip(self._settings["splits"], self._splits, strict=True)}
        yield from at_bundle_end(Written(files))


class ParquetFiles:
    """The open file of some rows and those before it; rows wait until they make a row group.

    Every file but the last has `rows_per_file` rows; `prefix` is how their temporary names begin.
    """

    def __init__(self, prefix: str, schema: pa.Schema, rows_per_file: int):
        self._prefix, self._schema, self._most = prefix, schema, rows_per_file
        self._files: list[UnnamedFile] = []
        self._writer: pyarrow.parquet.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._file, self._start, self._rows, self._waiting_rows = Outgoing(prefix), (0, 0), 0, 0

    def add(self, batch: pa.RecordBatch, start: Position) -> None:
        """Take in rows of the block that begins at `start`."""
        # A copy: a slice of few rows that waits for others would hold the whole block.
        batch = batch.take(pa.array(np.arange(batch.num_rows)))
        while batch.num_rows:
            if self._writer is None:
                self._file = Outgoing(f"{self._prefix}-{len(self._files)}.{SUFFIX}")
                self._writer, self._start = pyarrow.parquet.ParquetWriter(self._file.here, self._schema), start
            part = batch.slice(0, self._most - self._rows)
            batch = batch.slice(part.num_rows)
            self._waiting.append(part)
            self._rows += part.num_rows
            self._waiting_rows += part.num_rows
            if self._waiting_rows >= _GROUP_ROWS:
                self._write()
            if self._rows == self._most:
                self._finish()

    def close(self) -> list[UnnamedFile]:
        """Finish the last file; return all of them."""
        self._finish()
        return self._files

    def _write(self) -> None:
        if self._waiting and self._writer is not None:
            self._writer.write_table(pa.Table.from_batches(self._waiting), row_group_size=_GROUP_ROWS)
        self._waiting, self._waiting_rows = [], 0

    def _finish(self) -> None:
        if self._writer is not None:
            self._write()
            self._writer.close()
            self._files.append(UnnamedFile(self._file.path, self._start, self._rows, self._file.finish()))
            self._writer, self._rows = None, 0
