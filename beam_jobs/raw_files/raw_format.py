"""What a raw format has to say: how its files are read as blocks of rows, and what decodes those rows."""

import dataclasses
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Protocol

import pyarrow as pa

from beam_jobs.cli.file_settings import BY_NAME, FileOptions
from beam_jobs.raw_files.plain_file import Stamp
from schemas.schema import Schema
from transforms.decode.decoding import Decoder


@dataclasses.dataclass(frozen=True)
class RawFile:
    """A file to read: where it is, its name in ids and reports, and its number in the order of all files.

    `stamp` is what it was when it was found, if it is on a disk: it must not change until it is read. `options` say how
    it is written.
    """

    path: str
    name: str
    number: int
    stamp: Stamp | None = None
    options: FileOptions = BY_NAME


@dataclasses.dataclass(frozen=True)
class RawRows:
    """Some thousand rows of one file, in order.

    `first_row` counts the file's rows from 0. `values` is what the decoder of the rows' format takes, and has one
    entry per row; `layout` is what that decoder is made from: a CSV header, the schema that a writer used. All rows
    of a file have the same.
    """

    file: RawFile
    layout: Hashable
    first_row: int
    values: Any

    def __len__(self) -> int:
        return len(self.values)

    @property
    def position(self) -> tuple[int, int]:
        """Where the block begins among all files: the file's number, the row in it."""
        return self.file.number, self.first_row


class RawFormat(Protocol):
    """How the files of one format are read and their rows decoded; only a format looks into a block's `values`."""

    @property
    def name(self) -> str:
        """What `--data-format` calls it."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the names of its files end, `.csv`; a compressed text has `.gz`, `.zst` or `.bz2` behind that."""

    def written(self, options: FileOptions) -> "RawFormat":
        """Return the format for files that are written as options say."""

    def layout(self, file: RawFile) -> Hashable:
        """Return what the decoder of a file's rows is made from.

        Raises `InputError` for a file that cannot be read or does not say what its rows hold.
        """

    def read(self, file: RawFile, columns: Sequence[str] | None = None) -> Iterator[RawRows]:
        """Yield the rows of a file in blocks, in memory that does not grow with the file.

        A format that can leaves out all columns but those named. Raises `InputError`, with the row or the byte where
        it is, if the file cannot be read to its end.
        """

    def decoder(self, layout: Any, schema: Schema, where: str) -> Decoder:
        """Return what decodes rows of a layout; raises `InputError`, naming `where`, for one that lacks a column."""

    def originals(self, rows: RawRows, numbers: Sequence[int]) -> pa.Array:
        """Return rows of a block, by their index in it, as bytes (binary) that a rejected row is kept as."""
