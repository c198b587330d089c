"""What every decoder shares: its limits, its result, and how parsed cells become a raw batch.

A decoder takes raw values and returns the rows that it could read, as columns, and one rejection for every other
row. Numbers are parsed as float64 and then cast to float32; minus zero becomes zero, because JSON readers do not
agree on the sign of `-0`.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
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
    of the others, in order. `unknown_fields` counts the rows with each field that the schema names nowhere.
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

    Of a column of several values a cell is a list of them; an empty one is None.

    Columns of one kind are made as one array and cut: what an array costs at the size of a poll is its making.
    """
    rows = len(parsed[0]) if parsed else 0
    arrays: dict[int, pa.Array] = {}
    of_kinds, lists = _layout(schema)
    for kind, indices in of_kinds:
        cells = list(itertools.chain.from_iterable(parsed[index] for index in indices))
        joined = to_float32(pa.array(cells, pa.float64())) if kind is Kind.FLOAT else pa.array(cells, kind.value)
        for at, index in enumerate(indices):
            arrays[index] = joined.slice(at * rows, rows)
            if isinstance(joined, pa.ChunkedArray):  # more text than one array can hold
                arrays[index] = arrays[index].combine_chunks()
    for index, kind in lists:
        flat = list(itertools.chain.from_iterable(filter(None, parsed[index])))
        values = to_float32(pa.array(flat, pa.float64())) if kind is Kind.FLOAT else pa.array(flat, kind.value)
        lengths = [len(cell) if cell else 0 for cell in parsed[index]]
        arrays[index] = list_array(np.array(lengths, np.int64), values)
    return pa.RecordBatch.from_arrays([arrays[index] for index in range(len(parsed))], schema=schema.arrow_schema)


@functools.lru_cache(maxsize=64)
def _layout(schema: Schema) -> tuple[list[tuple[Kind, list[int]]], list[tuple[int, Kind]]]:
    """Return which columns of one value there are of each kind, and those of several values with their kinds."""
    numbered = list(enumerate(schema.columns))
    of_kinds = [
        (kind, [index for index, column in numbered if column.kind is kind and column.value_count is None])
        for kind in Kind
    ]
    lists = [(index, column.kind) for index, column in numbered if column.value_count is not None]
    return [(kind, indices) for kind, indices in of_kinds if indices], lists


def list_array(lengths: np.ndarray, values: pa.Array) -> pa.ListArray:
    """Return lists of so many values each (int64 [rows]), null where a row has none.

    >>> list_array(np.array([2, 0, 1]), pa.array([5, 6, 7])).to_pylist()
    [[5, 6], None, [7]]
    """
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    if isinstance(values, pa.ChunkedArray):  # more text than one array can hold
        values = values.combine_chunks()
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(lengths == 0))


class UnknownCounts:
    """Counts in how many rows each field is that a schema names nowhere, for at most so many names.

    What the schema names for training alone, or as planned, takes no room from the others.
    """

    def __init__(self, schema: Schema, limits: Limits):
        self.counts: dict[str, int] = {}
        self._named = frozenset(schema.named)
        self._limit = limits.max_unknown_fields

    def add(self, names: Iterable[str], rows: int = 1) -> None:
        """Count the fields that each of so many rows has; those that are shown alike count once a row."""
        for name in dict.fromkeys(shown_name(name) for name in names if name not in self._named):
            if name in self.counts or len(self.counts) < self._limit:
                self.counts[name] = self.counts.get(name, 0) + rows


def shown_name(name: str) -> str:
    """Return the name under which an unknown field is counted: printable and of bounded length."""
    shown = name[:UNKNOWN_NAME_LENGTH].encode("utf-8", "backslashreplace").decode()
    return shown if shown.isprintable() else ascii(shown)[1:-1]
