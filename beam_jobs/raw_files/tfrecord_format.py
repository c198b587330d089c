"""TFRecord files of tf.train.Example as a raw format: length, checksum, record, checksum."""

import struct
from collections.abc import Iterator, Sequence

import crc32c
import pyarrow as pa

from beam_jobs.cli.file_settings import FileOptions
from beam_jobs.raw_files.content import read_content
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from beam_jobs.raw_files.row_blocks import row_blocks
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.decode.example_decoder import ExampleRecordDecoder
from transforms.examples.tfrecord import masked

_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")
_READ_BYTES = 1 << 20
_RECORD_BYTES = 64 << 20


class TFRecordFormat:
    """Reads TFRecord files, compressed or not; every file has the same layout, `values` are serialized examples."""

    name = "tfrecord"
    suffixes = (".tfrecord", ".tfrecords")

    def written(self, options: FileOptions) -> "TFRecordFormat":
        """Return the format itself."""
        return self

    def layout(self, file: RawFile) -> None:
        """Return nothing: every example names its own features."""

    def read(self, file: RawFile, columns: Sequence[str] | None = None) -> Iterator[RawRows]:
        """Yield the records; raises `InputError`, with the byte, for one that is cut or altered."""
        yield from row_blocks(file, None, _records(file))

    def decoder(self, layout: None, schema: Schema, where: str) -> ExampleRecordDecoder:
        """Return the decoder of examples."""
        return ExampleRecordDecoder(schema)

    def originals(self, rows: RawRows, numbers: Sequence[int]) -> pa.Array:
        """Return the serialized examples."""
        return pa.array([rows.values[number] for number in numbers], pa.binary())


def _records(file: RawFile) -> Iterator[list[bytes]]:
    rest, read, row = b"", 0, 0
    for data in read_content(file.path, _READ_BYTES, file.stamp):
        rest += data
        read += len(data)
        records: list[bytes] = []
        at = 0
        while at + _HEAD.size <= len(rest):
            length, checksum = _HEAD.unpack_from(rest, at)
            end = at + _HEAD.size + length
            where = f"{file.path}: at byte {read - len(rest) + at:,}, row {row + len(records):,}"
            if masked(crc32c.crc32c(rest[at : at + 8])) != checksum:
                raise InputError(f"{where}: not a TFRecord file, or a length was altered; copy the file again")
            if length > _RECORD_BYTES:
                raise InputError(f"{where}: a record of {length:,} bytes, at most {_RECORD_BYTES:,} are read")
            if end + _TAIL.size > len(rest):
                break
            record = rest[at + _HEAD.size : end]
            if masked(crc32c.crc32c(record)) != _TAIL.unpack_from(rest, end)[0]:
                raise InputError(f"{where}: a record has another checksum; copy the file again")
            records.append(record)
            at = end + _TAIL.size
        rest = rest[at:]
        row += len(records)
        yield records
    if rest:
        raise InputError(
            f"{file.path}: at byte {read - len(rest):,}, row {row:,}: ends in the middle of a record; copy it again"
        )
