"""Validation of raw batches: which rows a use case can go on with, and why not the others.

Strings outside their domain are no fault: the graph has a bucket for them. They are counted here as unseen.
"""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.buffers import validity_of, values_of
from schemas.errors import InputError
from schemas.rejection import Reason, Rejection, Stage, pointer
from schemas.schema import Column, Kind, Schema

_DTYPES = {Kind.FLOAT: np.float32, Kind.INT: np.int64}


@dataclasses.dataclass(frozen=True)
class Validated:
    """The rows kept, their indices in the input (int64), and a rejection for each of the others, by row."""

    batch: pa.RecordBatch
    rows: np.ndarray
    rejections: list[Rejection]


def validate(batch: pa.RecordBatch, schema: Schema) -> Validated:
    """Check presence, finiteness and ranges; the first fault in schema order is the row's reason.

    Where nothing is wrong, the same batch comes back. Raises `InputError` where the batch lacks a column.

    >>> schema = Schema.from_text('feature { name: "hour" type: INT int_domain { min: 0 max: 23 } }')
    >>> validated = validate(pa.RecordBatch.from_pydict({"hour": [5, 24, None]}), schema)
    >>> validated.rows.tolist(), validated.rejections[0].reason.value, validated.rejections[0].path
    ([0, 2], 'RANGE', '/hour')
    """
    time = schema.event_time[0] if schema.event_time else None
    found: dict[int, Rejection] = {}
    for column in schema.columns:
        out_of_range = Reason.TIME_RANGE if column.name == time else Reason.RANGE
        array = _column(batch, column)
        present = validity_of(array) if array.null_count else None
        faults = []
        if column.required and present is not None:
            faults.append((Reason.REQUIRED, ~present))
        if column.kind is not Kind.BYTES:
            values = values_of(array, _DTYPES[column.kind])
            if column.kind is Kind.FLOAT:
                faults.append((Reason.NUM_NONFINITE, ~np.isfinite(values)))
            if column.minimum is not None:
                faults.append((out_of_range, values < column.minimum))
            if column.maximum is not None:
                faults.append((out_of_range, values > column.maximum))
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
        array = _column(batch, column).drop_null()
        unseen = len(array) - (pc.sum(pc.is_in(array, pa.array(sorted(column.domain), pa.string()))).as_py() or 0)
        if unseen:
            counts[column.name] = unseen
    return counts


def _column(batch: pa.RecordBatch, column: Column) -> pa.Array:
    try:
        return batch.column(column.name)
    except KeyError:
        raise InputError(
            f"raw batch: column {column.name} is missing; it has {', '.join(batch.schema.names)}"
        ) from None
