"""Many Avro records of one schema at once, field by field over all rows.

Every row has its own position; a field is read from all rows with a few array operations. A row in which anything is
unusual is only marked: the reader of single records decides about it. What stays unmarked is valid, and has the
cells that the reader of single records would give.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.column import Column, Kind
from schemas.schema import Schema
from transforms.decode.arrow_columns import arrow_column
from transforms.decode.avro_allowed import converted, fits, time_unit
from transforms.decode.avro_values import plain, type_name
from transforms.decode.decoding import FLOAT32_OVERFLOW, to_float32

_MARGIN = 16  # bytes behind the last record that a read of one number may touch
_REALS: Mapping[str, np.dtype] = {"double": np.dtype("<f8"), "float": np.dtype("<f4")}
_INTEGERS = {"int": 32, "long": 64}


@dataclasses.dataclass(frozen=True)
class _Field:
    """`name` is the Avro type; `null` the branch of null in a union of two, None without a union.

    `natural` is the Arrow type that the value has by its Avro type, where that is not simply the column's own.
    """

    name: str
    column: Column | None
    index: int
    null: int | None
    natural: pa.DataType | None = None

    @property
    def kind(self) -> Kind | None:
        """The kind of the column; None of a field that is stepped over."""
        return None if self.column is None else self.column.kind


class AvroVectors:
    """Reads rows of one writer's schema; make it with `of`, which is None for schemas with other types inside."""

    def __init__(self, schema: Schema, fields: Sequence[_Field], max_bytes: int):
        self._schema, self._fields, self._max_bytes = schema, fields, max_bytes

    @classmethod
    def of(cls, fields: Mapping[str, Any], schema: Schema, max_bytes: int) -> "AvroVectors | None":
        """Plan for a record's fields, name -> parsed Avro type."""
        indices = {column.name: (column, index) for index, column in enumerate(schema.columns)}
        planned = [_plan(avro_type, *indices.get(name, (None, -1))) for name, avro_type in fields.items()]
        return cls(schema, [one for one in planned if one], max_bytes) if all(planned) else None

    def read(self, values: Sequence[bytes], body: int) -> tuple[list[pa.Array] | None, np.ndarray]:
        """Return the columns and which rows are marked (bool); there are columns only where no row is."""
        with np.errstate(all="ignore"):  # marked rows hold anything
            return self._read(_Rows(values, body))

    def _read(self, rows: "_Rows") -> tuple[list[pa.Array] | None, np.ndarray]:
        columns: list[pa.Array] = [pa.nulls(len(rows.at), column.arrow_type) for column in self._schema.columns]
        for field in self._fields:
            present = rows.branches(field.null) if field.null is not None else np.ones(len(rows.at), bool)
            cells = _read(rows, field, present) if field.natural is None else _natural(rows, field, present)
            if field.column is not None and field.natural is not None:
                cells, bad = arrow_column(field.column, cells, self._max_bytes)
                rows.marked[[row for row, _ in bad]] = True
            if field.kind is not None and cells is not None:
                columns[field.index] = cells
            if rows.marked.all():
                break
        rows.marked |= rows.at != rows.end
        return (None if rows.marked.any() else columns), rows.marked


class _Rows:
    """The bytes of all rows with a position in each."""

    def __init__(self, values: Sequence[bytes], body: int):
        self.bytes = np.frombuffer(b"".join([*values, bytes(_MARGIN)]), np.uint8)
        self._last = len(self.bytes) - _MARGIN + 1  # behind the end of every row: a position there has gone too far
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        self.end = np.cumsum(lengths)
        self.at = self.end - lengths + body
        self.marked = np.zeros(len(values), bool)

    def branches(self, null: int) -> np.ndarray:
        """Step over a union's branch number; return which rows have a value."""
        branch = self.bytes[self.at]
        self._step(1)
        self.marked |= (branch != 0) & (branch != 2)
        return branch != 2 * null

    def integers(self, present: np.ndarray) -> np.ndarray:
        """Step over zigzag integers of up to 64 bits."""
        byte = self.bytes[self.at]
        number = (byte & 127).astype(np.uint64)
        self._step(present)
        more = np.flatnonzero((byte >= 128) & present)
        for shift in range(7, 70, 7):
            if not len(more):
                break
            byte = self.bytes[self.at[more]]
            number[more] |= (byte & 127).astype(np.uint64) << np.uint64(shift)
            self.at[more] = np.minimum(self.at[more] + 1, self._last)
            if shift == 63:
                self.marked[more[byte > 1]] = True
            more = more[byte >= 128]
        return (number >> np.uint64(1)).view(np.int64) ^ -(number & np.uint64(1)).view(np.int64)

    def reals(self, present: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Step over numbers of fixed size."""
        raw = self.bytes[self.at[:, None] + np.arange(dtype.itemsize)]
        self._step(np.where(present, dtype.itemsize, 0))
        return raw.view(dtype)[:, 0]

    def spans(self, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Step over strings; return where they start and how long they are, 0 where missing or marked."""
        length = np.where(present, self.integers(present), 0)
        wrong = (length < 0) | (length > self.end - self.at)
        self.marked |= wrong
        length[wrong] = 0
        start = self.at.copy()
        self._step(length)
        return start, length

    def _step(self, by: Any) -> None:
        self.at = np.minimum(self.at + by, self._last)


def _plan(avro_type: Any, column: Column | None, index: int) -> _Field | None:
    avro_type, null = plain(avro_type), None
    if isinstance(avro_type, list):
        names = [type_name(plain(branch)) for branch in avro_type]
        if len(names) != 2 or "null" not in names:
            return None
        null = names.index("null")
        avro_type = plain(avro_type[1 - null])
    name = type_name(avro_type)
    if column is not None and (column.value_count is not None or not fits(column, avro_type)):
        return None
    if column is not None and (not column.reading.plain or converted(column, avro_type)):
        natural = _natural_type(column, avro_type)
        return None if natural is None else _Field(name, column, index, null, natural)
    return _Field(name, column, index, null) if name in (*_REALS, *_INTEGERS, "string", "bytes") else None


def _natural_type(column: Column, avro_type: Any) -> pa.DataType | None:
    name, time = type_name(avro_type), time_unit(column, avro_type)
    if time is not None:
        unit, local = time
        return pa.date32() if unit == "day" else pa.timestamp(unit, None if local else "UTC")
    if name in ("string", "bytes") and not converted(column, avro_type):
        return pa.string()
    if name in _REALS:
        return pa.float64()
    return pa.int64() if name in _INTEGERS else None


def _natural(rows: _Rows, field: _Field, present: np.ndarray) -> pa.Array:
    """Read values as Avro means them; null where they are missing or their row is marked."""
    if field.name in _REALS:
        cells: Any = rows.reals(present, _REALS[field.name]).astype(np.float64)
    elif field.name in _INTEGERS:
        cells = rows.integers(present)
        if field.name == "int":
            rows.marked |= present & (cells != cells.astype(np.int32))
    else:
        start, length = rows.spans(present)
        return _text(rows, start, length, ~present)
    missing = ~present | rows.marked
    if field.natural == pa.date32():
        return pa.array(np.where(missing, 0, cells).astype(np.int32), pa.date32(), mask=missing)
    return pa.array(cells, mask=missing).view(field.natural)


def _read(rows: _Rows, field: _Field, present: np.ndarray) -> pa.Array | None:
    missing = None if present.all() else ~present
    if field.name in _REALS:
        cells = rows.reals(present, _REALS[field.name]).astype(np.float64)
        if field.kind is not None:
            rows.marked |= present & ~(np.abs(cells) < FLOAT32_OVERFLOW)
        return to_float32(pa.array(cells, mask=missing))
    if field.name in _INTEGERS:
        numbers = rows.integers(present)
        if field.kind is not None and field.name == "int":
            rows.marked |= present & (numbers != numbers.astype(np.int32))
        if field.kind is Kind.FLOAT:
            return to_float32(pa.array(numbers.astype(np.float64), mask=missing))
        return pa.array(numbers, mask=missing)
    start, length = rows.spans(present)
    return _text(rows, start, length, missing) if field.kind is not None else None


def _text(rows: _Rows, start: np.ndarray, length: np.ndarray, missing: np.ndarray | None) -> pa.Array | None:
    ends = np.cumsum(length)
    data = rows.bytes[np.repeat(start - (ends - length), length) + np.arange(ends[-1] if len(ends) else 0)]
    offsets = np.zeros(len(length) + 1, np.int32)
    offsets[1:] = ends
    absent = None if missing is None else pa.array(~missing).buffers()[1]
    cells = pa.StringArray.from_buffers(len(length), pa.py_buffer(offsets), pa.py_buffer(data), absent)
    try:
        cells.validate(full=True)
        wrong = data == 0
    except pa.ArrowInvalid:
        wrong = data >= 128  # not all of it is wrong; the reader of single records knows
        wrong |= data == 0
    if wrong.any():
        rows.marked[np.searchsorted(ends, np.flatnonzero(wrong), side="right")] = True
    return cells
