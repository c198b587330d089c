"""Which Avro types a column takes, and the reader of a value that is not simply of the column's own type."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

from schemas.column import Column, Kind
from schemas.rejection import Reason, pointer
from transforms.decode.avro_values import long_at, span_at, type_name
from transforms.decode.cells import read_value
from transforms.decode.refused import Refused
from transforms.decode.times import time_of_timestamp

Read = Callable[[bytes, int], tuple[Any, int]]
TIMES = {"millis": "ms", "micros": "us", "nanos": "ns"}
_INT32 = range(-(2**31), 2**31)
_DAY_SECONDS = 86_400


def fits(column: Column, branch: Any) -> bool:
    """Say whether a column takes an Avro type that is no union.

    >>> from schemas.schema import Schema
    >>> fits(Schema.from_text('feature { name: "n" type: INT }')["n"], "double")
    False
    """
    name, logical, reading = type_name(branch), _logical(branch), column.reading
    if logical == "decimal" and name in ("bytes", "fixed"):
        return column.kind is Kind.FLOAT or (column.kind is Kind.INT and (reading.whole_float or not _scale(branch)))
    if name in ("string", "bytes", "enum") and logical != "big-decimal":
        return column.kind is Kind.BYTES or reading.number_text or reading.boolean or reading.time is not None
    if column.kind is Kind.BYTES:
        return False
    if name == "boolean":
        return reading.boolean
    return name in ("int", "long") or (
        name in ("double", "float") and (column.kind is Kind.FLOAT or reading.whole_float)
    )


def wanted(column: Column) -> str:
    """Return which types a column takes, for people."""
    if column.kind is Kind.BYTES:
        return "string or bytes or enum"
    own = "double or float or int or long" if column.kind is Kind.FLOAT else "int or long"
    return f"{own}, or a tag accepts: of the column that allows it"


def described(branch: Any) -> str:
    """Return the name of a type, with its logical type."""
    logical = _logical(branch)
    return f"{type_name(branch)} ({logical})" if logical else type_name(branch)


def time_unit(column: Column, branch: Any) -> tuple[str, bool] | None:
    """Return what a column of times has to be converted from: unit (s, ms, us, ns, day) and whether it is local."""
    logical = _logical(branch)
    if column.kind is not Kind.INT or column.reading.unit is None or type_name(branch) not in ("int", "long"):
        return None
    if logical == "date":
        return "day", True
    local = logical.startswith("local-timestamp-")
    unit = TIMES.get(logical.removeprefix("local-").removeprefix("timestamp-"))
    if unit is None or "timestamp-" not in logical or (unit == column.reading.unit and not local):
        return None
    return unit, local


def converted(column: Column, branch: Any) -> bool:
    """Say whether the value is not what stands in the bytes: a time in another unit, a decimal, a boolean."""
    decimal = _logical(branch) == "decimal" and column.kind is not Kind.BYTES
    return decimal or time_unit(column, branch) is not None


def allowed_reader(column: Column, branch: Any) -> Read:
    """Return the reader of a type that fits."""
    path = pointer(column.name)
    natural = _natural(column, branch, path)
    time = time_unit(column, branch)
    if time is not None:
        return _time(column, natural, *time)

    def read(value: bytes, at: int) -> tuple[Any, int]:
        cell, at = natural(value, at)
        return read_value(column, cell), at

    return read


def _time(column: Column, natural: Read, unit: str, local: bool) -> Read:
    def read(value: bytes, at: int) -> tuple[Any, int]:
        number, at = natural(value, at)
        if unit == "day":
            time = time_of_timestamp(column, number * _DAY_SECONDS, "s", True)
        else:
            time = time_of_timestamp(column, number, unit, local)
        return read_value(column, time), at

    return read


def _natural(column: Column, branch: Any, path: str) -> Read:
    """Return the reader of a value as Avro means it: a number, a boolean, a text, a decimal as a number."""
    name = type_name(branch)
    if _logical(branch) == "decimal" and name in ("bytes", "fixed") and column.kind is not Kind.BYTES:
        return _decimal(branch)
    if name == "boolean":
        return _boolean
    if name in ("double", "float"):
        return _real(struct.Struct("<d" if name == "double" else "<f"))
    if name == "int":
        return int_reader(path)
    if name == "long":
        return long_at
    if name == "enum":
        return enum_reader(branch["symbols"])
    return text_reader(path)


def _boolean(value: bytes, at: int) -> tuple[Any, int]:
    if value[at] > 1:
        raise Refused(Reason.AVRO_FRAME)
    return value[at] == 1, at + 1


def _real(layout: struct.Struct) -> Read:
    def read(value: bytes, at: int) -> tuple[Any, int]:
        return layout.unpack_from(value, at)[0], at + layout.size

    return read


def int_reader(path: str) -> Read:
    """Return the reader of an `int`, which has 32 bits."""

    def read(value: bytes, at: int) -> tuple[Any, int]:
        cell, at = long_at(value, at)
        if cell not in _INT32:
            raise Refused(Reason.INT_RANGE, path)
        return cell, at

    return read


def enum_reader(symbols: Sequence[str]) -> Read:
    """Return the reader of an `enum`: its symbol."""

    def read(value: bytes, at: int) -> tuple[Any, int]:
        symbol, at = long_at(value, at)
        if not 0 <= symbol < len(symbols):
            raise Refused(Reason.AVRO_FRAME)
        return symbols[symbol], at

    return read


def text_reader(path: str) -> Read:
    """Return the reader of a `string` or of `bytes` that are text."""

    def read(value: bytes, at: int) -> tuple[Any, int]:
        start, end = span_at(value, at)
        try:
            cell = value[start:end].decode()
        except UnicodeDecodeError:
            raise Refused(Reason.ENCODING, path) from None
        if "\0" in cell:
            raise Refused(Reason.ENCODING, path)
        return cell, end

    return read


def _decimal(branch: Any) -> Read:
    scale, size = _scale(branch), branch.get("size")

    def read(value: bytes, at: int) -> tuple[Any, int]:
        start, end = span_at(value, at) if size is None else (at, at + size)
        if end > len(value):
            raise Refused(Reason.AVRO_FRAME)
        unscaled = int.from_bytes(value[start:end], "big", signed=True)
        if not scale:
            return unscaled, end
        return _quotient(unscaled, scale), end

    return read


def _quotient(unscaled: int, scale: int) -> float:
    """Return the float nearest to a decimal."""
    try:
        return unscaled / 10**scale  # of integers Python rounds once
    except OverflowError:
        return float("inf") if unscaled > 0 else float("-inf")


def _scale(branch: Any) -> int:
    return branch.get("scale", 0)


def _logical(branch: Any) -> str:
    return branch.get("logicalType", "") if isinstance(branch, dict) else ""
