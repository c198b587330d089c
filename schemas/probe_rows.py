"""Rows made from a schema alone, to try a use case's functions on before any data is read."""

from typing import Any

import numpy as np
import pyarrow as pa

from schemas.column import Column, Kind
from schemas.schema import Schema
from schemas.validation import validate

_TEXTS = ("1", "2", "3", "4", "5")  # read as numbers too
_RANGE = 100
_MISSING = 0.2
_SPARE = 4


def probe_rows(schema: Schema, rows: int, missing: bool = True) -> pa.RecordBatch:
    """Return rows that a schema takes, always the same; `missing` leaves values out where the schema allows it.

    There are fewer than `rows`, none at worst, if a schema's limits let little or nothing through.

    >>> schema = Schema.from_text('feature { name: "hour" type: INT int_domain { min: 0 max: 23 } }')
    >>> probe_rows(schema, 4, missing=False).to_pydict()
    {'hour': [15, 6, 1, 0]}
    """
    random = np.random.default_rng(0)
    columns = [_values(column, rows * _SPARE, random, missing) for column in schema.columns]
    arrays = [pa.array(values, column.kind.value) for values, column in zip(columns, schema.columns, strict=True)]
    return validate(pa.RecordBatch.from_arrays(arrays, schema=schema.arrow_schema), schema).batch.slice(0, rows)


def _values(column: Column, rows: int, random: np.random.Generator, missing: bool) -> list[Any]:
    if column.kind is Kind.BYTES:
        texts = sorted(column.domain or _texts(column))
        found: list[Any] = [texts[at] for at in random.integers(len(texts), size=rows)]
    elif column.boolean:
        found = random.integers(2, size=rows).tolist()
    else:
        least, most = _ends(column)
        found = [least + (most - least) * share for share in random.random(rows).tolist()]
        if column.kind is Kind.INT:
            found = [min(max(round(value), -(2**63)), 2**63 - 1) for value in found]
    if missing and not column.required:
        found = [None if gone else value for value, gone in zip(found, random.random(rows) < _MISSING, strict=True)]
    return found


def _texts(column: Column) -> list[str]:
    """Return texts that are numbers too, as long as the column wants them."""
    shortest = column.text_limits.shortest if column.text_limits else None
    return [text * (shortest or 1) for text in _TEXTS]


def _ends(column: Column) -> tuple[float, float]:
    if column.minimum is not None:
        most = column.minimum + _RANGE
        return column.minimum, most if column.maximum is None else min(most, column.maximum)
    return (0, _RANGE) if column.maximum is None else (min(0, column.maximum - _RANGE), column.maximum)
