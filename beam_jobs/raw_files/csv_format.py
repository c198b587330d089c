"""CSV as a raw format: a header that names the columns, then one record per row; blank lines are no rows."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import pyarrow as pa

from beam_jobs.cli.file_settings import FileOptions
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from beam_jobs.raw_files.row_blocks import READ_BYTES, row_blocks, text_lines
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.decode.csv_decoder import CsvDecoder
from transforms.decode.csv_dialect import COMMON, CsvDialect, Unnamed
from transforms.decode.csv_header import read_header, schema_order
from transforms.decode.csv_lines import split_lines

_HEADER_BYTES = 1 << 16


@dataclasses.dataclass(frozen=True)
class CsvFormat:
    """Reads CSV files of a dialect, compressed or not.

    `layout` is the header, or how many columns there are where the schema names them; `values` are the records without
    line ends.
    """

    dialect: CsvDialect = COMMON
    name = "csv"
    suffixes = (".csv",)

    def written(self, options: FileOptions) -> "CsvFormat":
        """Return the format of files in the dialect of the options."""
        return self if options.dialect == self.dialect else CsvFormat(options.dialect)

    def layout(self, file: RawFile) -> tuple[str, ...] | Unnamed:
        """Return the columns that a file's header names; raises `InputError` if it is empty or not readable."""
        if self.dialect.columns:
            return self.dialect.columns
        blocks = self._records(file, _HEADER_BYTES)
        first = next((line for lines in blocks for line in lines if line.strip()), None)
        if first is None:
            what = "its first line must name the columns" if self._has_header else "wanted rows"
            raise InputError(f"{file.path}: empty; {what}")
        names = tuple(read_header(first, file.path, self.dialect)) if self._has_header else self._cells(first, file)
        return names if self._has_header else Unnamed(len(names), self.dialect.header == "label-first")

    def read(self, file: RawFile, columns: Sequence[str] | None = None) -> Iterator[RawRows]:
        """Yield the rows below the header; raises `InputError` if the file cannot be read to its end."""
        layout = self.layout(file)
        several = (layout.width if isinstance(layout, Unnamed) else len(layout)) > 1
        yield from row_blocks(file, layout, self._rows(file, several))

    def decoder(self, layout: Sequence[str] | Unnamed, schema: Schema, where: str) -> CsvDecoder:
        """Return the decoder of records below a header; raises `InputError` for one that lacks a column."""
        if isinstance(layout, Unnamed):
            layout = schema_order(layout, schema, where)
        lacking = [name for name in schema.names if name not in layout] if self.dialect.columns else []
        if lacking:
            raise InputError(f"{where}: --csv-columns lacks {', '.join(lacking[:30])}, which the schema names")
        return CsvDecoder(schema, layout, where, dialect=self.dialect)

    def originals(self, rows: RawRows, numbers: Sequence[int]) -> pa.Array:
        """Return the records as they stand in the file."""
        return pa.array([rows.values[number] for number in numbers], pa.binary())

    @property
    def _has_header(self) -> bool:
        return not self.dialect.columns and self.dialect.header == "first-line"

    def _cells(self, line: bytes, file: RawFile) -> tuple[str, ...]:
        try:
            return tuple(read_header(line, file.path, self.dialect))
        except InputError:
            raise InputError(f"{file.path}: its first line is no CSV record in UTF-8") from None

    def _rows(self, file: RawFile, several: bool) -> Iterator[list[bytes]]:
        """Yield the records that are rows; of a file of one column a blank line is a missing cell."""
        is_header = self._has_header
        for lines in self._records(file, READ_BYTES):
            if is_header:
                at = next((at for at, line in enumerate(lines) if line.strip()), None)
                if at is None:
                    continue
                lines, is_header = lines[at + 1 :], False
            yield [line for line in lines if line] if several and b"" in lines else lines

    def _records(self, file: RawFile, size: int) -> Iterator[list[bytes]]:
        """Yield complete records, quotes regarded, as they become complete."""
        cut = functools.partial(split_lines, dialect=self.dialect)
        for lines in text_lines(file, cut, "is this a text file?", size):
            yield self._no_comments(lines)

    def _no_comments(self, lines: list[bytes]) -> list[bytes]:
        if self.dialect.comment is None:
            return lines
        mark = self.dialect.comment.encode()
        return [line for line in lines if not line.startswith(mark)]
