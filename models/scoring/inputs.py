"""What people give to score: a raw batch as it is, a pandas frame or a list of dicts made one by the schema.

A dict is taken in as the stream takes the same JSON object: types are strict, an unknown name is passed over, None is a
missing value. A column of a frame has one type, in which pandas keeps missing integers as floats with NaN; so there 1.0
is the integer 1, and NaN, None and NA are missing. A column of several values holds lists, tuples or NumPy arrays of
one dimension. Both are then validated; a row that a job would reject is an error.
"""

import dataclasses
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from schemas.buffers import validity_of
from schemas.column import Column, Kind
from schemas.errors import InputError
from schemas.nearest import did_you_mean
from schemas.rejection import Reason, Rejection, Stage, pointer
from schemas.rejection_counts import rejections, rejections_text
from schemas.schema import Schema
from schemas.validation import validate
from transforms.decode.decoding import list_array, to_float32
from transforms.decode.json_decoder import JsonDecoder
from transforms.intake.take_in import take_in

_WANTED = "wanted a pyarrow.RecordBatch, a pandas DataFrame or a list of dicts"
_KINDS = {Kind.FLOAT: "numbers", Kind.INT: "integers", Kind.BYTES: "strings"}
_INT64_END = 2.0**63
_MOST_BITS = 1100
_CELLS = (str, int, float, bool, type(None))

_log = logging.getLogger(__name__)


def raw_batch(given: Any, schema: Schema) -> pa.RecordBatch:
    """Return what was given as a raw batch of the schema, rows in their order.

    Raises `InputError` for another type, a column that is missing or of another type, and for rows that a job would
    reject: it names the first of them, the reason and the field.

    >>> schema = Schema.from_text('feature { name: "fare" type: FLOAT } feature { name: "area" type: INT }')
    >>> raw_batch([{"fare": 1.5, "area": None}, {"area": 8, "tip": "?"}], schema).to_pydict()
    {'fare': [1.5, None], 'area': [None, 8]}
    """
    if isinstance(given, pa.RecordBatch):
        return given
    pandas = sys.modules.get("pandas")  # who has a frame has imported it; nobody else need
    if pandas is not None and isinstance(given, pandas.DataFrame):
        return _of_frame(given, schema)
    if isinstance(given, list | tuple):
        return _of_dicts(given, schema)
    raise InputError(f"score: got a value of type {type(given).__name__}, {_WANTED}")


def _of_dicts(rows: Sequence[Any], schema: Schema) -> pa.RecordBatch:
    names = schema.names
    values = []
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InputError(f"score: row {number} is of type {type(row).__name__}, {_WANTED}")
        values.append(_as_json({name: _cell(row[name]) for name in names if name in row}))
    intake = take_in(values, JsonDecoder(schema), schema)
    _check_none(intake.rejections, len(rows))
    return intake.batch


def _cell(value: Any) -> Any:
    """Return a value as JSON has it; what JSON has not becomes an object, which no column takes."""
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.ndim else value.item()
    if isinstance(value, list | tuple):
        return [_cell(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return 10**400 if value > 0 else -(10**400)  # as far beyond what any column holds, and quick to write
    return value if isinstance(value, _CELLS) else {}


def _as_json(cells: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(cells, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can stand for
        return json.dumps(cells).encode()


def _of_frame(frame: Any, schema: Schema) -> pa.RecordBatch:
    names = list(frame.columns)
    others = [name for name in names if isinstance(name, str) and name not in schema]
    arrays, found = [], list[Rejection]()
    for column in schema.columns:
        if names.count(column.name) > 1:
            raise InputError(f"score: the frame has several columns {column.name!r}; name them apart")
        if column.name in names:
            array, refused = (_of_series if column.value_count is None else _of_lists)(frame[column.name], column)
            found += refused
        elif column.required:
            near = did_you_mean(column.name, others)
            raise InputError(f"score: the frame has no column {column.name!r}, which every record must have{near}")
        else:
            if near := did_you_mean(column.name, others):
                _log.warning("score: the frame has no column %r, so it is missing in every row%s", column.name, near)
            array = pa.nulls(len(frame), column.arrow_type)
        arrays.append(array)
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema.arrow_schema)
    _check_none([*found, *validate(batch, schema).rejections], len(frame))
    return batch


def _of_series(series: Any, column: Column) -> tuple[pa.Array, list[Rejection]]:
    """Return a frame's column as the schema has it, and a rejection for every row whose value it cannot hold."""
    try:
        array = pa.array(series, from_pandas=True)
    except UnicodeEncodeError:
        raise _wrong(column, "text that is not UTF-8") from None
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        several = series.dtype == object
        raise _wrong(column, "values of several types" if several else f"{series.dtype}, which Arrow has not") from None
    return _of_array(array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array, column)


def _of_lists(series: Any, column: Column) -> tuple[pa.Array, list[Rejection]]:
    """Return a frame's column of lists as the schema has it, and what `_of_series` does; an empty one is missing."""
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        raise _wrong(column, "lists of several types, or something else") from None
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if array.null_count == len(array):
        return pa.nulls(len(array), column.arrow_type), []
    if pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        array = array.cast(pa.list_(array.type.value_type))
    if not pa.types.is_list(array.type):
        raise _wrong(column, str(array.type))
    lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    given = array.flatten()
    values, refused = _of_array(given, column)
    if given.null_count:
        refused = [*_rejected(~validity_of(given), Reason.TYPE, column), *refused]
    row_of, first = np.repeat(np.arange(len(lengths)), lengths), np.cumsum(lengths) - lengths
    placed = []
    for one in refused:
        row = int(row_of[one.row])
        placed.append(dataclasses.replace(one, row=row, path=f"{one.path}/{one.row - int(first[row])}"))
    return list_array(lengths, values), placed


def _of_array(array: pa.Array, column: Column) -> tuple[pa.Array, list[Rejection]]:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if array.null_count == len(array):  # pandas gives a column without values any type
        return pa.nulls(len(array), column.kind.value), []
    if column.kind is Kind.BYTES:
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise _wrong(column, str(kind))
        return _texts(array, column)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise _wrong(column, str(kind))
    if column.kind is Kind.FLOAT:
        return to_float32(array.cast(pa.float64(), safe=False)), []
    return _integers(array, column)


def _texts(array: pa.Array, column: Column) -> tuple[pa.Array, list[Rejection]]:
    bad = pa.compute.match_substring(array, "\0").fill_null(False)
    return array.cast(pa.string()), _rejected(np.asarray(bad), Reason.ENCODING, column)


def _integers(array: pa.Array, column: Column) -> tuple[pa.Array, list[Rejection]]:
    missing = np.asarray(array.is_null())
    values = np.asarray(array.fill_null(0))
    if values.dtype.kind == "f":
        values = values.astype(np.float64)  # the limits are beyond what a float16 holds
        whole = np.floor(values) == values  # infinity too
        outside = whole & ~((values >= -_INT64_END) & (values < _INT64_END))
        refused = _rejected(~whole, Reason.TYPE, column)
    else:
        outside = values > np.uint64(2**63 - 1) if values.dtype.kind == "u" else np.zeros(len(values), bool)
        whole, refused = np.ones(len(values), bool), []
    held = np.where(whole & ~outside, values, 0).astype(np.int64)
    return pa.array(held, mask=missing), [*refused, *_rejected(outside, Reason.INT_RANGE, column)]


def _rejected(bad: np.ndarray, reason: Reason, column: Column) -> list[Rejection]:
    """Return a rejection for every row of a mask, bool [rows]."""
    return [Rejection(row, Stage.DECODE, reason, pointer(column.name)) for row in np.flatnonzero(bad).tolist()]


def _wrong(column: Column, got: str) -> InputError:
    wanted = _KINDS[column.kind] if column.value_count is None else f"lists of {_KINDS[column.kind]}"
    return InputError(f"score: column {column.name!r} of the frame holds {got}, wanted {wanted}")


def _check_none(found: Sequence[Rejection], rows: int) -> None:
    """Raise for rejections; of a row the first counts."""
    if not found:
        return
    first = {rejection.row: rejection for rejection in reversed(found)}
    counts: dict[tuple[str, str], int] = {}
    for rejection in first.values():
        key = (rejection.reason.value, rejection.path)
        counts[key] = counts.get(key, 0) + 1
    said = rejections_text(rejections(counts))
    raise InputError(
        f"score: {len(first)} of {rows} rows would be rejected by a job: {said}; the first is row {min(first)}; "
        "correct them or leave them out"
    )
