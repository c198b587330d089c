"""Batches written to one file, in the format that its name says; the file is there when it is whole."""

import contextlib
import gzip
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from beam_jobs.batch.event_files import json_events

Write = Callable[[pa.RecordBatch], Any]


@contextlib.contextmanager
def new_file(path: str) -> Iterator[Write]:
    """Give what appends batches to a new .csv, .jsonl (.gz too) or .parquet file; it goes if the block fails."""
    target = pathlib.Path(path)
    unfinished = target.with_name(f".unfinished-{target.name}")
    try:
        with _writer(unfinished, target.name) as write:
            yield write
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def _writer(path: pathlib.Path, name: str) -> Iterator[Write]:
    if name.endswith(".parquet"):
        with contextlib.ExitStack() as opened:
            writer: list[pa.parquet.ParquetWriter] = []

            def write(batch: pa.RecordBatch) -> None:
                if not writer:
                    made = pa.parquet.ParquetWriter(str(path), batch.schema, compression="zstd")
                    writer.append(opened.enter_context(made))
                writer[0].write_batch(batch)

            yield write
        return
    with gzip.open(path, "wb", compresslevel=1) if name.endswith(".gz") else path.open("wb") as file:
        if name.removesuffix(".gz").endswith(".jsonl"):
            yield lambda batch: file.write(b"".join(event + b"\n" for event in json_events(plain(batch))))
            return
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
        header: list[str] = []

        def write_rows(batch: pa.RecordBatch) -> None:
            if not header:
                header.extend(batch.schema.names)
                file.write(",".join(header).encode() + b"\n")
            pyarrow.csv.write_csv(plain(batch), file, options)

        yield write_rows


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose times are milliseconds since 1970, as text formats have them."""
    times = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(times, batch.schema.names)
