"""CSV records to columns: the same cells as JSON gives for the same record.

Every column is read as text by Arrow and then cast as a whole; only a column in which something does not cast is
looked at cell by cell. An empty cell without quotes is missing. Numbers stand alone, without spaces around them. The
values of a column of several stand in one cell, with the column's separator between them.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.csv

from schemas.rejection import Reason, pointer
from schemas.schema import Schema
from transforms.decode.csv_dialect import COMMON, CsvDialect
from transforms.decode.csv_header import BYTE_ORDER_MARK, check_header
from transforms.decode.csv_lines import is_well_formed, split_lines
from transforms.decode.decoding import Decoded, Faults, Limits, UnknownCounts
from transforms.decode.text_columns import list_text_column, text_column


class CsvDecoder:
    """Decodes CSV records of a dialect whose columns a header names; `where` is the file for messages.

    Columns that the schema does not name are ignored and counted. Raises `InputError` for a header that lacks a
    column of the schema or has one twice.

    >>> schema = Schema.from_text('feature { name: "fare" type: FLOAT }')
    >>> decoded = CsvDecoder(schema, ["id", "fare"])([b"1,2.5", b"2,", b"3", b"4,x"])
    >>> decoded.batch.to_pydict(), [rejection.reason.value for rejection in decoded.rejections]
    ({'fare': [2.5, None]}, ['CSV_SYNTAX', 'TYPE'])
    """

    def __init__(
        self,
        schema: Schema,
        header: Sequence[str],
        where: str = "CSV",
        limits: Limits | None = None,
        dialect: CsvDialect = COMMON,
    ):
        self.schema = schema
        self.header = tuple(header)
        self.limits = limits or Limits()
        self.dialect = dialect
        check_header(self.header, self.schema.names, where)
        self._unknown = UnknownCounts(schema, self.limits)
        self._unknown.add(self.header)

    def __reduce__(self) -> tuple:
        return CsvDecoder, (self.schema, self.header, "CSV", self.limits, self.dialect)

    def __call__(self, values: Sequence[bytes | None]) -> Decoded:
        faults = Faults()
        self._refuse_values(values, faults)
        rows = np.arange(len(values), dtype=np.int64)
        if faults:
            rows = rows[[row not in faults for row in range(len(values))]]
            values = [values[row] for row in rows.tolist()]
        texts, misfits = self._read(values)  # type: ignore[arg-type]
        for index in misfits:
            faults.add(int(rows[index]), Reason.CSV_SYNTAX)
        rows = np.delete(rows, misfits)
        arrays = []
        for column, text in zip(self.schema.columns, texts, strict=True):
            if column.value_count is not None:
                array, wrong = list_text_column(column, text)
                for index, reason, path in wrong:
                    faults.add(int(rows[index]), reason, path)
                arrays.append(array)
                continue
            array, bad = text_column(column, text)
            for index, reason in bad:
                faults.add(int(rows[index]), reason, pointer(column.name))
            arrays.append(array)
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema.arrow_schema)
        unknown = dict.fromkeys(self._unknown.counts, len(rows)) if len(rows) else {}
        if faults:
            good = np.array([row not in faults for row in rows.tolist()], bool)
            batch, rows = batch.filter(pa.array(good)), rows[good]
        return Decoded(batch, rows, faults.sorted(), unknown)

    def _refuse_values(self, values: Sequence[bytes | None], faults: Faults) -> None:
        """Find the values that Arrow must not see: it would raise, or read another number of records."""

        def refuse(reason: Reason, is_bad: Callable[[bytes], bool]) -> None:
            for row, value in enumerate(values):
                if value is not None and row not in faults and is_bad(value):
                    faults.add(row, reason)

        for row in [row for row, value in enumerate(values) if value is None]:
            faults.add(row, Reason.TOMBSTONE)
        texts = [value for value in values if value is not None] if faults else values
        if max(map(len, texts), default=0) > self.limits.max_bytes:  # type: ignore[arg-type]
            refuse(Reason.TOO_LARGE, lambda value: len(value) > self.limits.max_bytes)
        joined = b"\n".join(texts)  # type: ignore[arg-type]
        if b"\0" in joined or BYTE_ORDER_MARK in joined or not _is_utf8(joined):
            refuse(
                Reason.ENCODING,
                lambda value: b"\0" in value or value.startswith(BYTE_ORDER_MARK) or not _is_utf8(value),
            )
        quote = self.dialect.quote
        if (quote and quote.encode() in joined) or b"\r" in joined or joined.count(b"\n") >= max(1, len(texts)):
            refuse(Reason.CSV_SYNTAX, lambda value: not is_well_formed(value, self.dialect))
        if len(self.header) > 1 and b"" in values:
            refuse(Reason.CSV_SYNTAX, lambda value: not value)

    def _read(self, lines: Sequence[bytes]) -> tuple[list[pa.Array], list[int]]:
        """Read well-formed lines as one text array per column of the schema, and tell the lines that do not fit."""
        misfits: list[int] = []

        def skip(row: pa.csv.InvalidRow) -> str:
            misfits.append(row.number - 1)
            return "skip"

        # Arrow knows the names by number, since a file may have the name of an ignored column twice.
        numbers = [str(index) for index in range(len(self.header))]
        wanted = [str(self.header.index(name)) for name in self.schema.names]
        if not lines:
            return [pa.array([], pa.string()) for _ in wanted], []
        data = b"\n".join(lines) + b"\n"
        table = pa.csv.read_csv(
            pa.BufferReader(data),
            pa.csv.ReadOptions(use_threads=False, column_names=numbers, block_size=len(data) + 1),
            pa.csv.ParseOptions(
                delimiter=self.dialect.separator,
                quote_char=self.dialect.quote or False,
                newlines_in_values=data.count(b"\n") > len(lines) or b"\r" in data,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            pa.csv.ConvertOptions(
                column_types=dict.fromkeys(numbers, pa.string()),
                include_columns=wanted,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        )
        if table.num_rows + len(misfits) != len(lines):
            raise AssertionError(f"Arrow read {table.num_rows} records from {len(lines)} lines")
        return [_one_array(column) for column in table.columns], misfits


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


__all__ = ["CsvDecoder", "split_lines"]
