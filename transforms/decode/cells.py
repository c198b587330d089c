"""One value as it came to the cell of its column: what a column allows is decided here, for every format alike.

A value is None, a boolean, a whole or other number, or text, whatever wrote it: JSON, a CSV cell, an Avro field, an
Arrow array, a tf.Example. Arrays are read as wholes where they can be (`arrow_columns`), with the same results.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from schemas.column import Column, Kind
from schemas.reading import Reading
from schemas.rejection import Reason, pointer
from transforms.decode.decoding import FLOAT32_OVERFLOW
from transforms.decode.refused import Refused
from transforms.decode.times import time_of_text

WHOLE_FLOATS = 2**53
"""Up to this size floats have every whole number."""
INTEGER = re.compile(r"[+-]?[0-9]+")
REAL = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|nan|inf|infinity)", re.IGNORECASE)
_NONFINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_NAN = re.compile(r"[+-]?nan", re.IGNORECASE)
_INT64 = range(-(2**63), 2**63)
_INT64_DIGITS = 20
_WORDS = ({"false", "False", "FALSE"}, {"true", "True", "TRUE"})  # where a bool_domain names none


def read_value(column: Column, found: Any) -> Any:
    """Return the cell (float, int within 64 bits, str, None) of a value; raises `Refused` with the column's path.

    >>> from schemas.schema import Schema
    >>> schema = Schema.from_text('feature { name: "n" type: INT annotation { tag: "accepts:whole_float" } }')
    >>> read_value(schema["n"], 3.0)
    3
    """
    if found is None:
        return None
    if isinstance(found, str):
        return read_text(column, found, column.reading.number_text)
    if column.kind is Kind.BYTES:
        raise Refused(Reason.TYPE, pointer(column.name))
    if isinstance(found, bool):
        if not column.reading.boolean:
            raise Refused(Reason.TYPE, pointer(column.name))
        found = int(found)
    return _number(column, found)


def read_text(column: Column, text: str, number: bool) -> Any:
    """Return the cell of a text; `number` says whether it may be that of a number, as in CSV."""
    reading, path = column.reading, pointer(column.name)
    if text in reading.missing:
        return None
    if "\0" in text or not is_utf8(text):
        raise Refused(Reason.ENCODING, path)
    if column.kind is Kind.BYTES:
        return text
    if reading.time is not None:
        return _number(column, time_of_text(text, reading.time, path))
    if reading.boolean and (said := _boolean(reading, text)) is not None:
        return _number(column, said)
    if not number:
        raise Refused(Reason.TYPE, path)
    if INTEGER.fullmatch(text):
        if column.kind is Kind.FLOAT:
            return _number(column, float(text))
        whole = parse_integer(text)
        if whole is None:
            raise Refused(Reason.INT_RANGE, path)
        return _number(column, whole)
    if not REAL.fullmatch(text):
        raise Refused(Reason.TYPE, path)
    return _number(column, float(text))


def read_values(column: Column, found: Any) -> list[Any] | None:
    """Return the cells of a value of a column of several; raises `Refused` with the place of the value at fault."""
    return values_in(column, found, read_value)


def values_in(column: Column, found: Any, read: Callable[[Column, Any], Any]) -> list[Any] | None:
    """Return what `read` makes of every value of a list; None for an empty list and a text that stands for missing.

    No value within a list may be missing.
    """
    path = pointer(column.name)
    if found is None or found == [] or (type(found) is str and found in column.reading.missing):
        return None
    if not isinstance(found, list):
        raise Refused(Reason.TYPE, path)
    cells = []
    for place, one in enumerate(found):
        try:
            cell = read(column, one)
        except Refused as refused:
            raise Refused(refused.reason, f"{path}/{place}") from None
        if cell is None:
            raise Refused(Reason.TYPE, f"{path}/{place}")
        cells.append(cell)
    return cells


def parse_integer(text: str) -> int | None:
    """Return the value of an integer literal, None if it does not fit into 64 bits."""
    digits = text.lstrip("+-0")
    if len(digits) > _INT64_DIGITS:
        return None
    value = int(text)
    return value if value in _INT64 else None


def missing_numbers(column: Column) -> tuple[frozenset[float], bool]:
    """Return which numbers stand for a missing value, those of a float column as float32, and whether NaN does."""
    return _missing_numbers(column.reading.missing, column.kind)


@functools.lru_cache(maxsize=1024)
def _missing_numbers(missing: frozenset[str], kind: Kind) -> tuple[frozenset[float], bool]:
    texts = [text for text in missing if REAL.fullmatch(text) and not _NONFINITE.fullmatch(text)]
    if kind is Kind.FLOAT:
        with np.errstate(over="ignore"):
            numbers: list[float] = [float(np.float32(float(text))) for text in texts]
    else:
        numbers = [int(text) if INTEGER.fullmatch(text) else float(text) for text in texts]
    return frozenset(numbers), any(_NAN.fullmatch(text) for text in missing)


def _number(column: Column, found: int | float) -> int | float | None:
    path = pointer(column.name)
    numbers, nan = missing_numbers(column)
    if column.kind is Kind.FLOAT:
        try:
            real = float(found)
        except OverflowError:
            raise Refused(Reason.NUM_NONFINITE, path) from None
        if nan and math.isnan(real):
            return None
        if not -FLOAT32_OVERFLOW < real < FLOAT32_OVERFLOW:
            raise Refused(Reason.NUM_NONFINITE, path)
        return None if numbers and float(np.float32(real)) in numbers else real
    if isinstance(found, float):
        if nan and math.isnan(found):
            return None
        if not math.isfinite(found):
            raise Refused(Reason.NUM_NONFINITE, path)
        if not (column.reading.whole_float and found.is_integer()):
            raise Refused(Reason.TYPE, path)
        if abs(found) > WHOLE_FLOATS:
            raise Refused(Reason.INT_RANGE, path)
        found = int(found)
    if found not in _INT64:
        raise Refused(Reason.INT_RANGE, path)
    return None if found in numbers else found


def _boolean(reading: Reading, text: str) -> int | None:
    if reading.words == (None, None):
        return next((number for number, words in enumerate(_WORDS) if text in words), None)
    return next((number for number, word in enumerate(reading.words) if text == word), None)


def is_utf8(text: str) -> bool:
    """Say whether a text can be written as UTF-8: not half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate, written as an escape
        return False
    return True
