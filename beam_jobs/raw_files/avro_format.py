"""Avro files as a raw format: every record is what a topic's value without a header is."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from beam_jobs.cli.file_settings import FileOptions
from beam_jobs.raw_files.avro_container import AvroContainer
from beam_jobs.raw_files.plain_file import WatchedFile
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from beam_jobs.raw_files.row_blocks import ROWS_PER_BLOCK, row_blocks
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.decode.avro_decoder import AvroDecoder
from transforms.decode.avro_records import AvroRecords


class AvroFormat:
    """Reads Avro files; `layout` is the text of the writer's schema, `values` are the records' bytes."""

    name = "avro"
    suffixes = (".avro",)

    def written(self, options: FileOptions) -> "AvroFormat":
        """Return the format itself."""
        return self

    def layout(self, file: RawFile) -> str:
        """Return the writer's schema; raises `InputError` if it is no Avro file."""
        with WatchedFile(file.path, file.stamp) as opened:
            return AvroContainer(opened, file.path).schema

    def read(self, file: RawFile, columns: Sequence[str] | None = None) -> Iterator[RawRows]:
        """Yield the records; raises `InputError`, with the byte, for a block that is cut or altered."""
        with WatchedFile(file.path, file.stamp) as opened:
            container = AvroContainer(opened, file.path)
            yield from row_blocks(file, container.schema, _records(container, file.path))

    def decoder(self, layout: str, schema: Schema, where: str) -> AvroDecoder:
        """Return the decoder of records; raises `InputError` for a field that cannot become a column."""
        return AvroDecoder(schema, {b"": (layout, where)})

    def originals(self, rows: RawRows, numbers: Sequence[int]) -> pa.Array:
        """Return the records as they stand in the file, Avro's bytes without a header."""
        return pa.array([rows.values[number] for number in numbers], pa.binary())


def _records(container: AvroContainer, path: str) -> Iterator[list[bytes]]:
    records, row = AvroRecords(container.schema, path), 0
    for start, count, block in container.blocks():
        at, left = 0, count
        while left:
            found, at = records.cut(block, at, min(left, ROWS_PER_BLOCK))
            if not found:
                break
            yield found
            row, left = row + len(found), left - len(found)
        if left or at != len(block):
            raise InputError(
                f"{path}: at byte {start:,}, row {row:,}: the bytes of a block are not {count:,} records of the file's "
                "schema; write the file again"
            )
