"""What every decoder shares: its limits, its result, and how parsed cells become a raw batch.

A decoder takes raw values and returns the rows that it could read, as columns, and one rejection for every other
row. Numbers are parsed as float64 and then cast to float32; minus zero becomes zero, because JSON readers do not
agree on the sign of `-0`.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from schemas.buffers import validity_of, values_of
from schemas.column import Kind
from schemas.rejection import Reason, Rejection, Stage
from schemas.schema import Schema

# The smallest float64 that rounds to infinity when cast to float32.
FLOAT32_OVERFLOW = float.fromhex("0x1.ffffffp+127")
UNKNOWN_NAME_LENGTH = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What a single raw value may cost before it is rejected unread."""

    max_bytes: int = 1 << 20
    max_depth: int = 64
    max_unknown_fields: int = 100


@dataclasses.dataclass(frozen=True)
class Decoded:
    """The result of a decoder.

    `batch` holds the rows that were read, `rows` (int64) their indices in the input, `rejections` one entry for each
    of the others, in order. `unknown_fields` counts the fields that the schema does not name.
    """

    batch: pa.RecordBatch
    rows: np.ndarray
    rejections: list[Rejection]
    unknown_fields: Mapping[str, int] = dataclasses.field(default_factory=dict)


class Decoder(Protocol):
    """Raw values in, columns and rejections out; never raises for a value."""

    def __call__(self, values: Sequence[bytes | None], /) -> Decoded: ...


class Faults:
    """The first fault of every row that has one: report faults in the order in which they count."""

    def __init__(self) -> None:
        self._by_row: dict[int, Rejection] = {}

    def add(self, row: int, reason: Reason, path: str = "") -> None:
        """Note a fault; a row that already has one keeps it."""
        if row not in self._by_row:
            self._by_row[row] = Rejection(row, Stage.DECODE, reason, path)

    def __bool__(self) -> bool:
        return bool(self._by_row)

    def __contains__(self, row: int) -> bool:
        return row in self._by_row

    def sorted(self) -> list[Rejection]:
        """Return the rejections by row."""
        return [self._by_row[row] for row in sorted(self._by_row)]


def to_float32(parsed: pa.Array) -> pa.Array:
    """Cast parsed float64 cells to float32, minus zero to zero; what overflows becomes infinite.

    >>> to_float32(pa.array([0.1, -0.0, None], pa.float64())).to_pylist()
    [0.10000000149011612, 0.0, None]
    """
    missing = ~validity_of(parsed) if parsed.null_count else None
    values = values_of(parsed, np.float64)
    with np.errstate(over="ignore"):
        return pa.array((values + 0.0).astype(np.float32), mask=missing)


def build_batch(schema: Schema, parsed: Sequence[Sequence]) -> pa.RecordBatch:
    """Make a raw batch from one sequence of Python cells per column: float, int within int64, str, or None.

    Columns of one kind are made as one array and cut: what an array costs at the size of a poll is its making.
    """
    rows = len(parsed[0]) if parsed else 0
    arrays: dict[int, pa.Array] = {
        index: _lists(column.kind, parsed[index])
        for index, column in enumerate(schema.columns)
        if column.value_count is not None
    }
    for kind in Kind:
        indices = [at for at, column in enumerate(schema.columns) if column.kind is kind and at not in arrays]
        if not indices:
            continue
        cells = list(itertools.chain.from_iterable(parsed[index] for index in indices))
        joined = to_float32(pa.array(cells, pa.float64())) if kind is Kind.FLOAT else pa.array(cells, kind.value)
        for at, index in enumerate(indices):
            arrays[index] = joined.slice(at * rows, rows)
            if isinstance(joined, pa.ChunkedArray):  # more text than one array can hold
                arrays[index] = arrays[index].combine_chunks()
    return pa.RecordBatch.from_arrays([arrays[index] for index in range(len(parsed))], schema=schema.arrow_schema)


def _lists(kind: Kind, cells: Sequence[Sequence | None]) -> pa.Array:
    """Return lists of cells of a kind; null where there is none."""
    values = list(itertools.chain.from_iterable(cell or () for cell in cells))
    joined = to_float32(pa.array(values, pa.float64())) if kind is Kind.FLOAT else pa.array(values, kind.value)
    ends = np.cumsum([0, *(len(cell or ()) for cell in cells)]).astype(np.int32)
    missing = np.array([*(not cell for cell in cells), False], bool)
    return pa.ListArray.from_arrays(pa.array(ends, mask=missing), joined)


def unknown_name(name: str) -> str:
    """Return the name under which an unknown field is counted: printable and of bounded length."""
    shown = name[:UNKNOWN_NAME_LENGTH].encode("utf-8", "backslashreplace").decode()
    return shown if shown.isprintable() else ascii(shown)[1:-1]
