"""JSON lines as a raw format: one object per line; blank lines are no rows."""

import functools
from collections.abc import Iterator, Sequence

import pyarrow as pa

from beam_jobs.cli.file_settings import JSON_LINES, FileOptions
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from beam_jobs.raw_files.row_blocks import row_blocks, text_lines
from schemas.schema import Schema
from transforms.decode.csv_dialect import CsvDialect
from transforms.decode.csv_lines import split_lines
from transforms.decode.json_decoder import JsonDecoder

_UNQUOTED = CsvDialect(quote=None)  # every line end ends a row: in an object it would be an escape


class JsonLinesFormat:
    """Reads JSON lines, compressed or not; every file has the same layout, `values` are the lines."""

    name = "jsonl"
    suffixes = JSON_LINES

    def written(self, options: FileOptions) -> "JsonLinesFormat":
        """Return the format itself."""
        return self

    def layout(self, file: RawFile) -> None:
        """Return nothing: every line names its own fields."""

    def read(self, file: RawFile, columns: Sequence[str] | None = None) -> Iterator[RawRows]:
        """Yield the lines that are not blank; raises `InputError` if the file cannot be read to its end."""
        rows = ([line for line in lines if line.strip()] for lines in read_lines(file))
        yield from row_blocks(file, None, rows)

    def decoder(self, layout: None, schema: Schema, where: str) -> JsonDecoder:
        """Return the decoder of a topic's JSON events."""
        return JsonDecoder(schema)

    def originals(self, rows: RawRows, numbers: Sequence[int]) -> pa.Array:
        """Return the lines as they stand in the file."""
        return pa.array([rows.values[number] for number in numbers], pa.binary())


def read_lines(file: RawFile) -> Iterator[list[bytes]]:
    """Yield all lines without their ends; raises `InputError`."""
    return text_lines(file, functools.partial(split_lines, dialect=_UNQUOTED), "wanted an object a line")
