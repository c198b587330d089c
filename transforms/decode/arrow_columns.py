"""Columns of Arrow to the columns of raw batches: whatever type Parquet, an Avro file or tf.Examples gave them.

First the type is looked at, once per file: one that the column cannot have is refused with what would allow it. Then
every array of that type is read as a whole, and it is said of single values which of them the column cannot have.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.column import Column, Kind
from schemas.rejection import Reason
from transforms.decode.cells import WHOLE_FLOATS, missing_numbers
from transforms.decode.text_columns import Bad, number_column, text_column
from transforms.decode.times import times_of


def misfit(column: Column, kind: pa.DataType) -> str | None:
    """Return why an Arrow type cannot become a column, and what would allow it; None if it can.

    >>> from schemas.schema import Schema
    >>> misfit(Schema.from_text('feature { name: "n" type: INT }')["n"], pa.float64())
    'double, wanted a whole number; or tag the column accepts:whole_float'
    """
    kind = _plain(kind)
    if column.value_count is None:
        if _is_list(kind):
            return f"{kind}, wanted one value; or give the column a value_count"
        return _scalar_misfit(column, kind)
    if pa.types.is_null(kind):
        return None
    return _scalar_misfit(column, _plain(kind.value_type)) if _is_list(kind) else f"{kind}, wanted a list"


def _scalar_misfit(column: Column, kind: pa.DataType) -> str | None:
    reading, name = column.reading, "text" if _is_text(kind) else str(kind)
    if pa.types.is_null(kind) or (_is_text(kind) and _takes_text(column)):
        return None
    if column.kind is Kind.BYTES:
        return f"{name}, wanted text"
    wanted = "a whole number" if column.kind is Kind.INT else "a number"
    if _is_text(kind):
        return f"text, wanted {wanted}; or tag the column accepts:number_text, or give it a time_domain"
    if pa.types.is_boolean(kind):
        return None if reading.boolean else f"bool, wanted {wanted}; or tag the column accepts:boolean"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        if column.kind is Kind.INT and reading.unit is not None:
            return None
        return f"{name}, wanted {wanted}; or tag the column of type INT time:s, time:ms or time:day"
    if pa.types.is_floating(kind):
        allowed = column.kind is Kind.FLOAT or reading.whole_float
        return None if allowed else f"{name}, wanted {wanted}; or tag the column accepts:whole_float"
    if pa.types.is_decimal(kind):
        allowed = column.kind is Kind.FLOAT or reading.whole_float or kind.scale == 0
        return None if allowed else f"{name}, wanted {wanted}; or tag the column accepts:whole_float"
    return None if pa.types.is_integer(kind) else f"{name}, wanted {wanted}"


def arrow_column(column: Column, array: pa.Array, max_bytes: int) -> tuple[pa.Array, Bad]:
    """Return the typed cells of an array whose type is no misfit and, by index, what is wrong with single values.

    Texts longer than `max_bytes` are TOO_LARGE.
    """
    kind = array.type
    if pa.types.is_null(kind):
        return pa.nulls(len(array), column.kind.value), []
    if pa.types.is_dictionary(kind):
        return _of_dictionary(column, array, max_bytes)
    if _is_text(kind):
        text, bad = _texts(array, max_bytes)
        cells, worse = text_column(column, text, number=False)
        return cells, bad + worse
    if pa.types.is_boolean(kind):
        return number_column(column, array.cast(pa.int8()).cast(_number_type(column)))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        numbers, gone = times_of(column, array)
        found, bad = number_column(column, numbers)
        return found, bad + _marked(gone, Reason.TIME_RANGE)
    if pa.types.is_decimal(kind):
        return _decimals(column, array)
    if pa.types.is_floating(kind):
        return _floats(column, array)
    return _integers(column, array)


def _integers(column: Column, array: pa.Array) -> tuple[pa.Array, Bad]:
    if column.kind is Kind.FLOAT:
        return number_column(column, pc.cast(array, pa.float64(), safe=False))
    if not pa.types.is_uint64(array.type):
        return number_column(column, array.cast(pa.int64()))
    large = np.asarray(pc.greater(array, pa.scalar(2**63 - 1, pa.uint64())).fill_null(False))
    cells, bad = number_column(column, pc.cast(array, pa.int64(), safe=False))
    return cells, bad + _marked(large, Reason.INT_RANGE)


def _floats(column: Column, array: pa.Array) -> tuple[pa.Array, Bad]:
    reals = array.cast(pa.float64())
    if column.kind is Kind.FLOAT:
        return number_column(column, reals)
    values = np.asarray(reals.fill_null(0.0))
    missing = ~np.asarray(reals.is_valid())
    if missing_numbers(column)[1]:
        missing |= np.isnan(values)
    values = np.where(missing, 0.0, values)
    finite = np.isfinite(values)
    whole = finite & (np.floor(values) == values)
    large = whole & (np.abs(values) > WHOLE_FLOATS)
    good = whole & ~large
    cells, bad = number_column(column, pa.array(np.where(good, values, 0.0).astype(np.int64), mask=missing))
    bad += _marked(~finite, Reason.NUM_NONFINITE) + _marked(finite & ~whole, Reason.TYPE)
    return cells, bad + _marked(large, Reason.INT_RANGE)


def _decimals(column: Column, array: pa.Array) -> tuple[pa.Array, Bad]:
    """Read decimals: as floats by way of their texts, since Arrow's own cast may be off in the last bit."""
    if column.kind is Kind.FLOAT or array.type.scale > 0:
        return _floats(column, array.cast(pa.string()).cast(pa.float64()))
    whole = [None if cell is None else int(cell) for cell in array.to_pylist()]
    large = np.array([cell is not None and not -(2**63) <= cell < 2**63 for cell in whole], bool)
    kept = [None if is_large else cell for cell, is_large in zip(whole, large.tolist(), strict=True)]
    cells, bad = number_column(column, pa.array(kept, pa.int64()))
    return cells, bad + _marked(large, Reason.INT_RANGE)


def _texts(array: pa.Array, max_bytes: int) -> tuple[pa.Array, Bad]:
    """Return text as `string`, null where it is none: not UTF-8, with a zero byte, too long."""
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if pa.types.is_binary_view(array.type) or pa.types.is_fixed_size_binary(array.type):
        array = array.cast(pa.large_binary())
    bad: Bad = []
    lengths = pc.binary_length(array)
    if (pc.max(lengths).as_py() or 0) > max_bytes:
        large = np.asarray(pc.greater(lengths, max_bytes).fill_null(False))
        bad += _marked(large, Reason.TOO_LARGE)
        array = pc.if_else(pa.array(large), pa.scalar(None, array.type), array)
    raw = array.cast(pa.binary())
    try:
        text = raw.cast(pa.string())  # looks at every byte
        wrong = not _content(raw).all()
    except pa.ArrowInvalid:
        wrong = True
    if wrong:
        cells = raw.to_pylist()
        marked = np.array([cell is not None and not _is_text_bytes(cell) for cell in cells], bool)
        bad += _marked(marked, Reason.ENCODING)
        good = [None if is_bad else cell for cell, is_bad in zip(cells, marked.tolist(), strict=True)]
        text = pa.array(good, pa.binary()).cast(pa.string())
    return text, bad


def _of_dictionary(column: Column, array: pa.DictionaryArray, max_bytes: int) -> tuple[pa.Array, Bad]:
    """Read every entry of the dictionary once, unless it is longer than what refers to it."""
    if len(array.dictionary) > len(array):
        array = array.dictionary.take(array.indices).dictionary_encode()
    cells, wrong = arrow_column(column, array.dictionary, max_bytes)
    bad: Bad = []
    if wrong:
        reasons = dict(reversed(wrong))
        codes = np.asarray(array.indices.fill_null(-1))
        places = np.flatnonzero(np.isin(codes, list(reasons)))
        bad = [(index, reasons[int(codes[index])]) for index in places.tolist()]
    return cells.take(array.indices), bad


def one_value(array: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return what stands in lists of one value, null for an empty or missing list; and which have more (bool)."""
    if pa.types.is_fixed_size_list(array.type):
        array = array.cast(pa.large_list(array.type.value_type))
    lengths = np.asarray(pc.list_value_length(array).fill_null(0))
    offsets = np.asarray(array.offsets)[:-1]
    places = pa.array(offsets, mask=lengths == 0)
    return array.values.take(places), lengths > 1


def _marked(rows: np.ndarray, reason: Reason) -> Bad:
    return [(int(row), reason) for row in np.flatnonzero(rows)]


def _content(array: pa.Array) -> np.ndarray:
    _, offsets, data = array.buffers()
    if data is None or not len(array):
        return np.empty(0, np.uint8)
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]


def _is_text_bytes(cell: bytes) -> bool:
    try:
        cell.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in cell


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _number_type(column: Column) -> pa.DataType:
    return pa.int64() if column.kind is Kind.INT else pa.float64()


def _takes_text(column: Column) -> bool:
    reading = column.reading
    number = reading.number_text or reading.boolean or reading.time is not None
    return column.kind is Kind.BYTES or number


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


_TEXT: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)


def _is_text(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in _TEXT)
