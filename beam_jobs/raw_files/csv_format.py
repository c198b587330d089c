"""CSV as a raw format: a header that names the columns, then one record per row; blank lines are no rows."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from beam_jobs.raw_files.content import read_content
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.decode.csv_decoder import CsvDecoder, split_lines
from transforms.decode.csv_header import read_header

_ROWS_PER_BLOCK = 8192
_READ_BYTES = 1 << 20
_HEADER_BYTES = 1 << 16
_BLOCK_BYTES = 8 << 20
_LINE_BYTES = 64 << 20


class CsvFormat:
    """Reads CSV files, gzipped or not; `layout` is the header, `values` are the records without line ends."""

    suffixes = (".csv", ".csv.gz")

    def layout(self, file: RawFile) -> tuple[str, ...]:
        """Return the columns that a file's header names; raises `InputError` if it is empty or not readable."""
        blocks = _records(file, _HEADER_BYTES)
        first = next((line for lines in blocks for line in lines if line.strip()), None)
        if first is None:
            raise InputError(f"{file.path}: empty; its first line must name the columns")
        return tuple(read_header(first, file.path))

    def read(self, file: RawFile) -> Iterator[RawRows]:
        """Yield the rows below the header; raises `InputError` if the file cannot be read to its end."""
        header = self.layout(file)
        several = len(header) > 1
        waiting: list[bytes] = []
        first_row, is_header = 0, True
        for lines in _records(file, _READ_BYTES):
            if is_header:
                at = next((at for at, line in enumerate(lines) if line.strip()), None)
                if at is None:
                    continue
                lines, is_header = lines[at + 1 :], False
            waiting += [line for line in lines if line] if several and b"" in lines else lines
            size = len(waiting)
            while size >= _ROWS_PER_BLOCK:
                yield RawRows(file, header, first_row, waiting[:_ROWS_PER_BLOCK])
                first_row += _ROWS_PER_BLOCK
                waiting = waiting[_ROWS_PER_BLOCK:]
                size -= _ROWS_PER_BLOCK
            if sum(map(len, waiting)) > _BLOCK_BYTES:
                yield RawRows(file, header, first_row, waiting)
                first_row, waiting = first_row + size, []
        if waiting:
            yield RawRows(file, header, first_row, waiting)

    def decoder(self, layout: Sequence[str], schema: Schema, where: str) -> CsvDecoder:
        """Return the decoder of records below a header; raises `InputError` for one that lacks a column."""
        return CsvDecoder(schema, layout, where)

    def originals(self, rows: RawRows, numbers: Sequence[int]) -> pa.Array:
        """Return the records as they stand in the file."""
        return pa.array([rows.values[number] for number in numbers], pa.binary())


def _records(file: RawFile, size: int) -> Iterator[list[bytes]]:
    """Yield complete records, quotes regarded, as they become complete."""
    rest = b""
    for data in read_content(file.path, size, file.stamp):
        lines, rest = split_lines(rest + data if rest else data)
        if len(rest) > _LINE_BYTES:
            raise InputError(f"{file.path}: a line of more than {_LINE_BYTES >> 20} MiB; is this a text file?")
        yield lines
    lines, _ = split_lines(rest, final=True)
    yield lines
