"""Texts of one column to its cells, as a whole where all are usual, else text by text, each different one once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.column import Column, Kind
from schemas.rejection import Reason
from transforms.decode.cells import missing_numbers, read_text
from transforms.decode.decoding import to_float32
from transforms.decode.refused import Refused

Bad = list[tuple[int, Reason]]
_USUAL_BYTES = {
    Kind.INT: np.isin(np.arange(256), list(b"-0123456789")),
    Kind.FLOAT: np.isin(np.arange(256), list(b"-.0123456789eE")),
}
_PARSED = {Kind.INT: pa.int64(), Kind.FLOAT: pa.float64()}


def text_column(column: Column, text: pa.Array, number: bool = True) -> tuple[pa.Array, Bad]:
    """Return the typed cells and, by index, what is wrong with those that the column cannot have.

    `number` says whether a text may be that of a number where the column does not say so itself, as in CSV.
    """
    reading = column.reading
    if reading.missing and pc.any(found := pc.is_in(text, pa.array(sorted(reading.missing), pa.string()))).as_py():
        text = pc.if_else(found, pa.scalar(None, pa.string()), text)
    if column.kind is Kind.BYTES:
        return text, []
    number = number or reading.number_text
    parsed = None
    if number and reading.time is None and not reading.boolean and _USUAL_BYTES[column.kind][_text_bytes(text)].all():
        try:
            parsed = pc.cast(text, _PARSED[column.kind])
        except pa.ArrowInvalid:
            parsed = None
    if parsed is None:
        return _distinct(column, text, lambda cell: read_text(column, cell, number))
    return number_column(column, parsed)


def number_column(column: Column, parsed: pa.Array) -> tuple[pa.Array, Bad]:
    """Return the cells of a column of numbers (int64 or float64, as its kind is) and what is wrong with others."""
    numbers, nan = missing_numbers(column)
    if nan and column.kind is Kind.FLOAT:
        parsed = pc.if_else(pc.is_nan(parsed), pa.scalar(None, parsed.type), parsed)
    bad: Bad = []
    if column.kind is Kind.FLOAT:
        parsed = to_float32(parsed)
        finite = np.isfinite(np.asarray(parsed.fill_null(0.0)))
        if not finite.all():
            bad = [(int(index), Reason.NUM_NONFINITE) for index in np.flatnonzero(~finite)]
    if numbers:
        whole = [one for one in numbers if column.kind is Kind.FLOAT or (one == int(one) and abs(one) < 2**63)]
        missing = pc.is_in(parsed, pa.array(whole, parsed.type))
        parsed = pc.if_else(missing, pa.scalar(None, parsed.type), parsed)
    return parsed, bad


def _distinct(column: Column, text: pa.Array, read: Callable[[str], Any]) -> tuple[pa.Array, Bad]:
    """Read every different text once."""
    coded = text.dictionary_encode()
    cells: list[Any] = []
    wrong: dict[int, Reason] = {}
    for index, cell in enumerate(coded.dictionary.to_pylist()):
        try:
            cells.append(read(cell))
        except Refused as refused:
            cells.append(None)
            wrong[index] = refused.reason
    parsed = pa.array(cells, _PARSED[column.kind]).take(coded.indices)
    bad: Bad = []
    if wrong:
        codes = np.asarray(coded.indices.fill_null(-1))
        for index in np.flatnonzero(np.isin(codes, list(wrong))).tolist():
            bad.append((index, wrong[int(codes[index])]))
    return (to_float32(parsed) if column.kind is Kind.FLOAT else parsed), bad


def _text_bytes(text: pa.Array) -> np.ndarray:
    _, offsets, data = text.buffers()
    if data is None:
        return np.empty(0, np.uint8)
    ends = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
