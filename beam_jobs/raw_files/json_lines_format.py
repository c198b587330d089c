"""JSON lines as a raw format: one object per line; blank lines are no rows."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from beam_jobs.cli.file_settings import JSON_LINES, FileOptions
from beam_jobs.raw_files.content import read_text
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from beam_jobs.raw_files.row_blocks import row_blocks
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.decode.json_decoder import JsonDecoder

_READ_BYTES = 1 << 20
_LINE_BYTES = 64 << 20


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
    rest: list[bytes] = []
    waiting, read = 0, 0
    for data in read_text(file.path, _READ_BYTES, file.stamp):
        *lines, last = data.split(b"\n")
        read += len(data)
        if lines:
            lines[0] = b"".join([*rest, lines[0]])
            rest, waiting = [], 0
            yield [line.removesuffix(b"\r") for line in lines]
        rest.append(last)
        waiting += len(last)
        if waiting > _LINE_BYTES:
            raise InputError(
                f"{file.path}: a line of more than {_LINE_BYTES >> 20} MiB at byte {read - waiting:,}; wanted an "
                "object a line"
            )
    if waiting:
        yield [b"".join(rest).removesuffix(b"\r")]
