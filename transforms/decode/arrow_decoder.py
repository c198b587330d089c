"""Batches of Arrow columns, as Parquet files hold them, to raw batches: the same cells as JSON gives for a row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.column import Column
from schemas.errors import InputError
from schemas.nearest import nearest
from schemas.rejection import pointer
from schemas.schema import Schema
from transforms.decode.arrow_columns import arrow_column, misfit
from transforms.decode.decoding import Decoded, Faults, Limits, UnknownCounts
from transforms.decode.text_columns import list_cells

_SHOWN = 30


class ArrowDecoder:
    """Decodes batches of one Arrow schema; `where` is the file for messages.

    A column that the batches lack is missing in every row. Columns that the schema does not name are counted and not
    looked at. Raises `InputError` for a type that cannot become a column, for a column that must be there and is not,
    and for a name that is there twice.

    >>> schema = Schema.from_text('feature { name: "fare" type: FLOAT }')
    >>> rows = pa.record_batch({"fare": pa.array([1, None], pa.int16())})
    >>> ArrowDecoder(schema, rows.schema, "t.parquet")(rows).batch.to_pydict()
    {'fare': [1.0, None]}
    """

    def __init__(self, schema: Schema, layout: pa.Schema, where: str = "Arrow", limits: Limits | None = None):
        self.schema = schema
        self.layout = layout
        self.limits = limits or Limits()
        _check_fit(schema, layout, where)
        self._unknown = UnknownCounts(schema, self.limits)
        self._unknown.add(layout.names)

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrowDecoder, (self.schema, self.layout, "Arrow", self.limits)

    def __call__(self, values: Any) -> Decoded:
        faults = Faults()
        arrays = []
        for column in self.schema.columns:
            if column.name in values.schema.names:
                array = values.column(values.schema.names.index(column.name))
                arrays.append(_read(column, array, self.limits.max_bytes, faults))
            else:
                arrays.append(pa.nulls(values.num_rows, column.arrow_type))
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema.arrow_schema)
        rows = np.arange(values.num_rows, dtype=np.int64)
        if faults:
            good = np.array([row not in faults for row in range(values.num_rows)], bool)
            batch, rows = batch.filter(pa.array(good)), rows[good]
        unknown = dict.fromkeys(self._unknown.counts, len(rows)) if len(rows) else {}
        return Decoded(batch, rows, faults.sorted(), unknown)


def _check_fit(schema: Schema, layout: pa.Schema, where: str) -> None:
    names = layout.names
    twice = [name for name in schema.names if names.count(name) > 1]
    if twice:
        raise InputError(f"{where}: has {', '.join(twice[:_SHOWN])} twice; give every column one name")
    lacking = [column.name for column in schema.columns if column.required and column.name not in names]
    if lacking:
        others = [name for name in names if name not in schema]
        near = [(name, nearest(name, others)) for name in lacking[:_SHOWN]]
        said = ", ".join(name + (f" (did you mean {other}?)" if other else "") for name, other in near)
        raise InputError(f"{where}: lacks {said}, which the schema wants in every row; it has {_listed(names)}")
    misfits = []
    for column in schema.columns:
        if column.name in names and (why := misfit(column, layout.field(column.name).type)):
            misfits.append(f"{column.name} is {why}")
    if misfits:
        more = f"; and {len(misfits) - _SHOWN} more" if len(misfits) > _SHOWN else ""
        raise InputError(f"{where}: does not fit the schema: {'; '.join(misfits[:_SHOWN])}{more}")


def _read(column: Column, array: pa.Array, max_bytes: int, faults: Faults) -> pa.Array:
    """Return the cells of one column, noting what is wrong with those that it cannot have."""
    path = pointer(column.name)
    if column.value_count is not None:
        return list_column(column, array, max_bytes, faults)
    cells, bad = arrow_column(column, array, max_bytes)
    for row, reason in bad:
        faults.add(row, reason, path)
    return cells


def list_column(column: Column, array: pa.Array, max_bytes: int, faults: Faults) -> pa.Array:
    """Return lists of cells, null where a list has none; a value that cannot be is named by its place in its list."""
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), column.arrow_type)
    if not pa.types.is_large_list(array.type):
        array = array.cast(pa.large_list(array.type.value_type))
    lengths = np.asarray(pc.list_value_length(array).fill_null(0)).astype(np.int64)
    cells, wrong = list_cells(column, lengths, *arrow_column(column, array.flatten(), max_bytes))
    for row, reason, path in wrong:
        faults.add(row, reason, path)
    return cells


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - _SHOWN:,} more"] if len(names) > _SHOWN else []
    return ", ".join([*names[:_SHOWN], *more])
