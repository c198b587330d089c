"""One JSON record read the strict way: what is wrong with it and where, or its cells by column.

This is the definition of what a valid record is; `json_decoder` has a faster path that must agree with it.
"""

import json
import re
from typing import Any

import numpy as np

from schemas.column import Column, Kind
from schemas.rejection import Reason, pointer
from schemas.schema import Schema
from transforms.decode.cells import is_utf8, missing_numbers, parse_integer, read_value, values_in
from transforms.decode.decoding import FLOAT32_OVERFLOW, Limits
from transforms.decode.refused import Refused

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Always matches from a quote on, also if the string never ends, so that its cost is linear.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = np.zeros(256, np.int8)
_BRACKETS[list(b"[{")] = 1
_BRACKETS[list(b"]}")] = -1


class _Integer(str):
    """An integer literal as it stands: it may have thousands of digits, or belong to a float column."""

    __slots__ = ()


class _Constant:
    """What stands for NaN, Infinity and -Infinity, which are no JSON but which some writers give."""


_NAN, _INFINITY = _Constant(), _Constant()


class _Object(dict):
    """A JSON object that remembers a key that it had twice."""

    __slots__ = ("twice",)
    twice: str | None


class StrictJson:
    """Reads single records against a schema."""

    def __init__(self, schema: Schema, limits: Limits):
        self._columns = schema.columns
        self._names = frozenset(schema.names)
        self._limits = limits
        self._nan_is_missing = [column.name for column in schema.columns if missing_numbers(column)[1]]

    def read(self, value: bytes | None) -> tuple[list[Any], dict[str, bool]]:
        """Return the record's cells in schema order; of its unknown fields the names, and which have a plain value.

        Raises `Refused`.
        """
        record, constants = self._parse(value)
        if not isinstance(record, _Object):
            raise Refused(Reason.TYPE)
        if record.twice is not None:
            raise Refused(Reason.JSON_DUP_KEY, pointer(record.twice) if record.twice in self._names else "")
        cells = [
            _cell(column, record.get(column.name))
            if column.value_count is None
            else _list(column, record.get(column.name))
            for column in self._columns
        ]
        allowed = sum([record.get(name) is _NAN for name in self._nan_is_missing])
        if constants > allowed:  # in a field that the schema does not name, whose name may be anything
            raise Refused(Reason.NUM_NONFINITE)
        unknown = ((name, value) for name, value in record.items() if name not in self._names)
        # A batch may have a lot of values of unknown fields: none is kept.
        return cells, {name: not isinstance(value, (list, dict)) for name, value in unknown}

    def _parse(self, value: bytes | None) -> tuple[Any, int]:
        """Return the value, and how many constants that are no JSON are anywhere in it."""
        if value is None:
            raise Refused(Reason.TOMBSTONE)
        if len(value) > self._limits.max_bytes:
            raise Refused(Reason.TOO_LARGE)
        if b"\0" in value or value.startswith(_BYTE_ORDER_MARK):
            raise Refused(Reason.ENCODING)
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(Reason.ENCODING) from None
        if depth(value) > self._limits.max_depth:
            raise Refused(Reason.JSON_DEPTH)
        nested_duplicate, constants = False, 0

        def make_object(pairs: list[tuple[str, Any]]) -> _Object:
            nonlocal nested_duplicate
            made = _Object(pairs)
            made.twice = None
            if len(made) != len(pairs):
                nested_duplicate = True
                made.twice = _first_repeated([key for key, _ in pairs])
            return made

        def constant(name: str) -> _Constant:
            nonlocal constants
            constants += 1
            return _NAN if name == "NaN" else _INFINITY

        try:
            record = json.loads(text, object_pairs_hook=make_object, parse_constant=constant, parse_int=_Integer)
        except ValueError:
            raise Refused(Reason.JSON_SYNTAX) from None
        if nested_duplicate and getattr(record, "twice", None) is None:
            raise Refused(Reason.JSON_DUP_KEY)
        return record, constants


def depth(value: bytes) -> int:
    """Return how deep arrays and objects are nested, whether or not the value is valid JSON.

    >>> depth(b'{"a": [1, "]["]}'), depth(b"[" * 100_000)
    (2, 100000)
    """
    if value.count(b"{") + value.count(b"[") < 2:
        return value.count(b"{") + value.count(b"[")
    outside = np.frombuffer(_STRING.sub(b"", value), np.uint8)
    return max(0, int(np.cumsum(_BRACKETS[outside], dtype=np.int64).max(initial=0)))


def _cell(column: Column, found: Any) -> Any:
    if found is None:
        return None
    if isinstance(found, _Constant):
        if found is _NAN and missing_numbers(column)[1]:
            return None
        raise Refused(Reason.NUM_NONFINITE, pointer(column.name))
    if not column.reading.plain:
        return _allowed(column, found)
    if column.kind is Kind.INT:
        if type(found) is not _Integer:
            raise Refused(Reason.TYPE, pointer(column.name))
        number = parse_integer(found)
        if number is None:
            raise Refused(Reason.INT_RANGE, pointer(column.name))
        return number
    if column.kind is Kind.FLOAT:
        if type(found) is not _Integer and type(found) is not float:
            raise Refused(Reason.TYPE, pointer(column.name))
        real = float(found)
        if not -FLOAT32_OVERFLOW < real < FLOAT32_OVERFLOW:
            raise Refused(Reason.NUM_NONFINITE, pointer(column.name))
        return real
    if type(found) is not str:
        raise Refused(Reason.TYPE, pointer(column.name))
    if "\0" in found or not is_utf8(found):
        raise Refused(Reason.ENCODING, pointer(column.name))
    return found


def _allowed(column: Column, found: Any) -> Any:
    """Return the cell of a value that need not be of the column's own type."""
    if type(found) is _Integer:
        number = parse_integer(found)
        if number is None and column.kind is Kind.INT:
            raise Refused(Reason.INT_RANGE, pointer(column.name))
        found = float(found) if number is None else number
    if not isinstance(found, (str, float, int)):
        raise Refused(Reason.TYPE, pointer(column.name))
    return read_value(column, found)


def _list(column: Column, found: Any) -> list[Any] | None:
    """Return the values of a column of several; an empty list is a missing value, null in a list is of a wrong type."""
    if isinstance(found, _Constant):
        raise Refused(Reason.NUM_NONFINITE, pointer(column.name))
    return values_in(column, found, _cell)


def _first_repeated(keys: list[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError("no key is repeated")
