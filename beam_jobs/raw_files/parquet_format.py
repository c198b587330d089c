"""Parquet as a raw format: row groups read a few thousand rows at a time, only the columns that are wanted."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from beam_jobs.cli.file_settings import FileOptions
from beam_jobs.raw_files.json_text import json_texts
from beam_jobs.raw_files.plain_file import WatchedFile, first_line
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from beam_jobs.raw_files.row_blocks import BLOCK_BYTES, ROWS_PER_BLOCK
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.decode.arrow_decoder import ArrowDecoder

_BUFFER_BYTES = 1 << 20
_SAID = 200


class ParquetFormat:
    """Reads Parquet files; `layout` is a file's Arrow schema, `values` are record batches of it."""

    name = "parquet"
    suffixes = (".parquet", ".pq")

    def written(self, options: FileOptions) -> "ParquetFormat":
        """Return the format itself."""
        return self

    def layout(self, file: RawFile) -> pa.Schema:
        """Return the columns of a file and their types; raises `InputError` if it is no Parquet file."""
        with _Opened(file) as opened:
            return opened.layout

    def read(self, file: RawFile, columns: Sequence[str] | None = None) -> Iterator[RawRows]:
        """Yield the rows of the columns named, of which the file need not have all; raises `InputError`."""
        with _Opened(file) as opened:
            for first_row, batch in opened.batches(columns):
                yield RawRows(file, opened.layout, first_row, batch)

    def decoder(self, layout: pa.Schema, schema: Schema, where: str) -> ArrowDecoder:
        """Return the decoder of batches; raises `InputError` for a type that cannot become a column."""
        return ArrowDecoder(schema, layout, where)

    def originals(self, rows: RawRows, numbers: Sequence[int]) -> pa.Array:
        """Return the columns that were read as JSON objects."""
        return json_texts(rows.values.take(pa.array(numbers, pa.int64())))


class _Opened:
    """A Parquet file while it is read; what Arrow finds wrong with it is an `InputError` with the row."""

    def __init__(self, file: RawFile):
        self._path = file.path
        self._file = WatchedFile(file.path, file.stamp)
        self._row = 0

    def __enter__(self) -> Self:
        try:
            self._parquet = self._open([])
            self.layout = self._parquet.schema_arrow.remove_metadata()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is not None:
                self._refuse(error)
        finally:
            self._file.close()

    def batches(self, columns: Sequence[str] | None) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yield batches with the number of their first row."""
        names = [name for name in self.layout.names if columns is None or name in columns]
        text = [name for name in names if _is_text(self.layout.field(name).type)]
        parquet = self._open(text) if text else self._parquet
        for batch in parquet.iter_batches(ROWS_PER_BLOCK, columns=names, use_threads=False):
            for part in _cut(batch):
                yield self._row, part
                self._row += part.num_rows
        self._file.check()

    def _open(self, text: Sequence[str]) -> pq.ParquetFile:
        """Texts are read as dictionaries: as many rows as there are may hold the same long one."""
        return pq.ParquetFile(pa.PythonFile(self._file, "r"), buffer_size=_BUFFER_BYTES, read_dictionary=list(text))

    def _refuse(self, error: BaseException) -> None:
        """Raise what is to be said of an error of Arrow; others are left alone."""
        if isinstance(error, (MemoryError, pa.ArrowMemoryError)):
            raise InputError(
                f"{self._path}: near row {self._row:,}: a page needs more memory than there is; write smaller pages"
            ) from None
        if isinstance(error, (pa.ArrowException, OSError, EOFError)):
            self._file.check()  # then this is why
            said = first_line(error)[:_SAID]
            raise InputError(
                f"{self._path}: near row {self._row:,}: not a Parquet file, or altered: {said}; copy it again"
            ) from None


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch so that no part has more than some megabytes of text once every row has its own."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for array in batch.columns:
        if pa.types.is_dictionary(array.type):
            lengths = pc.binary_length(array.dictionary)
            if (pc.max(lengths).as_py() or 0) * len(array) > BLOCK_BYTES:
                sizes += np.asarray(lengths.take(array.indices).fill_null(0)).astype(np.int64)
    if sizes.sum() <= BLOCK_BYTES:
        yield batch
        return
    parts = np.cumsum(sizes) // BLOCK_BYTES
    starts = np.flatnonzero(np.diff(parts, prepend=-1)).tolist()
    for start, end in zip(starts, [*starts[1:], batch.num_rows], strict=True):
        yield batch.slice(start, end - start)


def _is_text(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary))
