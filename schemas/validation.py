"""Validation of raw batches: which rows a use case can go on with, and why not the others.

Strings outside their domain are no fault unless the schema closes it (`schemas.text_limits`): the graph has a bucket
for them. They are counted here as unseen.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.buffers import validity_of, values_of
from schemas.column import Column, Kind
from schemas.errors import InputError
from schemas.rejection import Reason, Rejection, Stage, pointer
from schemas.schema import Schema
from schemas.text_limits import TextLimits

_FLOAT32 = float(np.finfo(np.float32).max)
# Per kind of number: its type, and the least and the largest value that a column can hold.
_NUMBERS: dict[Kind, tuple[type, float, float]] = {
    Kind.FLOAT: (np.float32, -_FLOAT32, _FLOAT32),
    Kind.INT: (np.int64, -(2**63), 2**63 - 1),
}


@dataclasses.dataclass(frozen=True)
class _Bounds:
    """What `_is_clean` compares with: required columns, and per kind the indices of columns and their limits.

    `booleans` are float columns that hold 0 or 1; an integer's limits say that already. `texts` are those with limits.
    """

    required: tuple[int, ...]
    booleans: tuple[int, ...]
    of_kind: tuple[tuple[type, tuple[int, ...], np.ndarray, np.ndarray], ...]
    texts: tuple[tuple[int, TextLimits], ...]


@functools.lru_cache(maxsize=64)
def _bounds(schema: Schema) -> _Bounds:
    of_kind: list[tuple[type, tuple[int, ...], np.ndarray, np.ndarray]] = []
    for kind, (dtype, least, most) in _NUMBERS.items():
        indices = tuple(index for index, column in enumerate(schema.columns) if column.kind is kind)
        columns = [schema.columns[index] for index in indices]
        lows = [least if column.minimum is None else max(column.minimum, least) for column in columns]
        highs = [most if column.maximum is None else min(column.maximum, most) for column in columns]
        if kind is Kind.INT:
            lows, highs = list(map(math.ceil, lows)), list(map(math.floor, highs))
        if indices:
            low: np.ndarray = np.array(lows, dtype).reshape(-1, 1)
            high: np.ndarray = np.array(highs, dtype).reshape(-1, 1)
            of_kind.append((dtype, indices, low, high))
    required = tuple(index for index, column in enumerate(schema.columns) if column.required)
    floats = [index for index, column in enumerate(schema.columns) if column.kind is Kind.FLOAT]
    booleans = tuple(index for index in floats if schema.columns[index].boolean)
    texts = tuple((index, column.text_limits) for index, column in enumerate(schema.columns) if column.text_limits)
    return _Bounds(required, booleans, tuple(of_kind), texts)


def _is_clean(arrays: Sequence[pa.Array], bounds: _Bounds) -> bool:
    """Say whether nothing at all is wrong: all columns of a kind are compared at once, which is what a poll costs."""
    if any(arrays[index].null_count for index in bounds.required):
        return False
    if bounds.booleans and any(_between_0_and_1(arrays[index]).any() for index in bounds.booleans):
        return False
    if any(mask.any() for index, limits in bounds.texts for _, mask in limits.faults(arrays[index])):
        return False
    for dtype, indices, low, high in bounds.of_kind:
        values = np.stack([values_of(arrays[index], dtype) for index in indices])
        bad = ~((values >= low) & (values <= high))  # so that what is not a number is bad
        if not bad.any():
            continue
        for row, index in enumerate(indices):
            if arrays[index].null_count:
                bad[row] &= validity_of(arrays[index])
        if bad.any():
            return False
    return True


@dataclasses.dataclass(frozen=True)
class Validated:
    """The rows kept, their indices in the input (int64), and a rejection for each of the others, by row."""

    batch: pa.RecordBatch
    rows: np.ndarray
    rejections: list[Rejection]


def validate(batch: pa.RecordBatch, schema: Schema) -> Validated:
    """Check presence, finiteness, ranges and limits of texts; the first fault in schema order is the row's reason.

    If nothing is wrong, the same batch comes back. Raises `InputError` if the batch lacks a column.

    >>> schema = Schema.from_text('feature { name: "hour" type: INT int_domain { min: 0 max: 23 } }')
    >>> validated = validate(pa.RecordBatch.from_pydict({"hour": [5, 24, None]}), schema)
    >>> validated.rows.tolist(), validated.rejections[0].reason.value, validated.rejections[0].path
    ([0, 2], 'RANGE', '/hour')
    """
    arrays = [_column(batch, column) for column in schema.columns]
    if _is_clean(arrays, _bounds(schema)):
        return Validated(batch, np.arange(batch.num_rows, dtype=np.int64), [])
    time = schema.event_time[0] if schema.event_time else None
    found: dict[int, Rejection] = {}
    for column, array in zip(schema.columns, arrays, strict=True):
        out_of_range = Reason.TIME_RANGE if column.name == time else Reason.RANGE
        present = validity_of(array) if array.null_count else None
        faults = []
        if column.required and present is not None:
            faults.append((Reason.REQUIRED, ~present))
        if column.kind is not Kind.BYTES:
            values = values_of(array, _NUMBERS[column.kind][0])
            if column.kind is Kind.FLOAT:
                faults.append((Reason.NUM_NONFINITE, ~np.isfinite(values)))
            if column.minimum is not None:
                faults.append((out_of_range, values < column.minimum))
            if column.maximum is not None:
                faults.append((out_of_range, values > column.maximum))
            if column.boolean and column.kind is Kind.FLOAT:
                faults.append((out_of_range, _between_0_and_1(array)))
        if column.text_limits is not None:
            faults += column.text_limits.faults(array)
        for reason, mask in faults:
            if present is not None and reason is not Reason.REQUIRED:
                mask = mask & present
            if mask.any():
                for row in np.flatnonzero(mask).tolist():
                    found.setdefault(row, Rejection(row, Stage.VALIDATE, reason, pointer(column.name)))
    if not found:
        return Validated(batch, np.arange(batch.num_rows, dtype=np.int64), [])
    keep = np.ones(batch.num_rows, bool)
    keep[list(found)] = False
    return Validated(batch.filter(pa.array(keep)), np.flatnonzero(keep), [found[row] for row in sorted(found)])


def unseen_values(batch: pa.RecordBatch, schema: Schema) -> dict[str, int]:
    """Count, by column, the strings that are not in the column's domain; columns without any are left out."""
    counts = {}
    for column in schema.columns:
        if column.domain is None:
            continue
        array = _column(batch, column)
        expected = pc.is_in(array, options=_lookup(column.domain))
        unseen = len(array) - array.null_count - expected.true_count
        if unseen:
            counts[column.name] = unseen
    return counts


def _between_0_and_1(array: pa.Array) -> np.ndarray:
    values = values_of(array, np.float32)
    between = (values > 0) & (values < 1)
    return between & validity_of(array) if array.null_count else between


@functools.lru_cache(maxsize=256)
def _lookup(domain: frozenset[str]) -> pc.SetLookupOptions:
    return pc.SetLookupOptions(pa.array(sorted(domain), pa.string()))


def _column(batch: pa.RecordBatch, column: Column) -> pa.Array:
    try:
        return batch.column(column.name)
    except KeyError:
        raise InputError(
            f"raw batch: column {column.name} is missing; it has {', '.join(batch.schema.names)}"
        ) from None
