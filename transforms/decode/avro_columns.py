"""From a writer's Avro schema to the function that reads one record's cells in the order of ours.

The function is put together once per schema: one small reader per field, which knows the field's column, what it
may hold and what path to name if it does not.
"""

import dataclasses
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fastavro.schema

from schemas.column import Column, Kind
from schemas.errors import InputError
from schemas.rejection import Reason, pointer
from schemas.schema import Schema
from transforms.decode.avro_allowed import (
    allowed_reader,
    converted,
    described,
    enum_reader,
    fits,
    int_reader,
    text_reader,
    wanted,
)
from transforms.decode.avro_values import Skips, long_at, plain, type_name
from transforms.decode.avro_vectors import AvroVectors
from transforms.decode.decoding import FLOAT32_OVERFLOW, Limits
from transforms.decode.strict_json import Refused

Read = Callable[[bytes, int], tuple[Any, int]]


class WriterSchema:
    """A writer's schema, checked against ours; `where` names it in messages.

    `fingerprint` is its CRC-64-AVRO, 8 bytes as they stand in a single-object header; `unknown` the fields that our
    schema does not name; `vectors` reads many records at once, None if it cannot. Raises `InputError` for text that
    is not an Avro record's schema, and for fields that cannot become our columns.
    """

    def __init__(self, text: str, schema: Schema, limits: Limits, where: str):
        named: dict[str, Any] = {}
        try:
            parsed: Any = fastavro.schema.parse_schema(json.loads(text), named)
            self.fingerprint = bytes.fromhex(
                fastavro.schema.fingerprint(fastavro.schema.to_parsing_canonical_form(parsed), "CRC-64-AVRO")
            )
        except Exception as error:  # fastavro raises whatever the odd text leads to
            raise InputError(
                f"{where}: not an Avro schema: {type(error).__name__}; give a writer's .avsc file"
            ) from None
        if type_name(plain(parsed)) != "record":
            raise InputError(f"{where}: its top is {type_name(plain(parsed))}, want a record with the schema's columns")
        fields = {field["name"]: field["type"] for field in plain(parsed)["fields"]}
        _check_fit(fields, schema, named, where)
        self.vectors = AvroVectors.of(fields, schema, limits.max_bytes)
        self.unknown = tuple(name for name in fields if name not in schema)
        self._width = len(schema.columns)
        indices = {name: index for index, name in enumerate(schema.names)}
        skips = Skips(named, limits.max_depth)
        self._readers = [
            (indices[name], _column_reader(schema[name], avro_type, named, skips))
            if name in schema
            else (self._width, _skipped(skips, avro_type))
            for name, avro_type in fields.items()
        ]

    def read(self, value: bytes, at: int) -> list[Any]:
        """Return the cells of the record from `at` to the end in our schema's order, and one more cell to ignore.

        Raises `Refused`, also if the record ends before the value does; or `IndexError` and `struct.error` if
        the value ends before the record does.
        """
        cells = [None] * (self._width + 1)
        for index, read in self._readers:
            cells[index], at = read(value, at)
        if at != len(value):
            raise Refused(Reason.AVRO_FRAME)
        return cells


def _check_fit(fields: Mapping[str, Any], schema: Schema, named: Mapping[str, Any], where: str) -> None:
    misfits = []
    for column in schema.columns:
        if column.name not in fields:
            if column.required:
                misfits.append(f"{column.name} is not there, and must be")
            continue
        branches = _branches(fields[column.name], named)
        if not any(_takes(column, branch, named) for branch in branches):
            misfits.append(f"{column.name} is {' or '.join(map(described, branches))}, want {wanted(column)}")
    if misfits:
        raise InputError(f"{where}: does not fit the schema: {'; '.join(misfits)}; change the one or the other")


def _takes(column: Column, branch: Any, named: Mapping[str, Any]) -> bool:
    """Say whether a column takes a type: for a column of several values a list of types that it takes."""
    if column.value_count is None:
        return fits(column, branch)
    return type_name(branch) == "array" and any(fits(column, item) for item in _branches(branch["items"], named))


def _branches(avro_type: Any, named: Mapping[str, Any]) -> list[Any]:
    avro_type = plain(avro_type)
    found = avro_type if isinstance(avro_type, list) else [avro_type]
    return [named.get(branch, branch) if isinstance(branch, str) else plain(branch) for branch in found]


def _skipped(skips: Skips, avro_type: Any) -> Read:
    skip = skips.make(avro_type)
    return lambda value, at: (None, skip(value, at, 1))


def _column_reader(column: Column, avro_type: Any, named: Mapping[str, Any], skips: Skips) -> Read:
    readers = [_branch_reader(column, branch, named, skips) for branch in _branches(avro_type, named)]
    if not isinstance(plain(avro_type), list):
        return readers[0]
    if len(readers) == 2 and type_name(plain(avro_type)[0]) == "null":
        return _optional(readers[1])
    return _union(readers)


def _optional(read_cell: Read) -> Read:
    """A union of null and one type, by far the most frequent: its branch is one byte, 0 or 2."""

    def read(value: bytes, at: int) -> tuple[Any, int]:
        if value[at] == 2:
            return read_cell(value, at + 1)
        if value[at] == 0:
            return None, at + 1
        branch, at = long_at(value, at)
        if branch == 1:  # written with more bytes than it needs
            return read_cell(value, at)
        if branch == 0:
            return None, at
        raise Refused(Reason.AVRO_FRAME)

    return read


def _union(readers: Sequence[Read]) -> Read:
    def read(value: bytes, at: int) -> tuple[Any, int]:
        branch, at = long_at(value, at)
        if not 0 <= branch < len(readers):
            raise Refused(Reason.AVRO_FRAME)
        return readers[branch](value, at)

    return read


def _branch_reader(column: Column, branch: Any, named: Mapping[str, Any], skips: Skips) -> Read:
    """Return the reader of one type; that of a type that does not fit refuses the records that hold it."""
    path, name = pointer(column.name), type_name(branch)
    if name == "null":
        return lambda value, at: (None, at)
    if not _takes(column, branch, named):
        return _refusing(Refused(Reason.TYPE, path))
    if column.value_count is not None:
        item = dataclasses.replace(column, value_count=None)
        return _list(_column_reader(item, branch["items"], named, skips), path)
    if not column.reading.plain or converted(column, branch):
        return allowed_reader(column, branch)
    if name in ("double", "float"):
        return _real(struct.Struct("<d" if name == "double" else "<f"), path)
    if name in ("int", "long"):
        read = long_at if name == "long" else int_reader(path)
        return _as_real(read) if column.kind is Kind.FLOAT else read
    if name == "enum":
        return enum_reader(branch["symbols"])
    return text_reader(path)


def _list(read_item: Read, path: str) -> Read:
    """Read blocks of items; a list without any is missing, and no item may be."""

    def read(value: bytes, at: int) -> tuple[Any, int]:
        cells: list[Any] = []
        while True:
            count, at = long_at(value, at)
            if count == 0:
                return cells or None, at
            if count < 0:  # then the block says how many bytes it has
                _, at = long_at(value, at)
            for _ in range(abs(count)):
                try:
                    cell, at = read_item(value, at)
                except Refused as refused:
                    raise Refused(refused.reason, f"{path}/{len(cells)}" if refused.path else "") from None
                if cell is None:
                    raise Refused(Reason.TYPE, f"{path}/{len(cells)}")
                cells.append(cell)
                if len(cells) > len(value):  # items of no bytes: a count of them may be anything
                    raise Refused(Reason.AVRO_FRAME)

    return read


def _refusing(refused: Refused) -> Read:
    def read(value: bytes, at: int) -> tuple[Any, int]:
        raise Refused(refused.reason, refused.path)

    return read


def _real(layout: struct.Struct, path: str) -> Read:
    unpack, size = layout.unpack_from, layout.size

    def read(value: bytes, at: int) -> tuple[Any, int]:
        (cell,) = unpack(value, at)
        if not -FLOAT32_OVERFLOW < cell < FLOAT32_OVERFLOW:
            raise Refused(Reason.NUM_NONFINITE, path)
        return cell, at + size

    return read


def _as_real(read_integer: Read) -> Read:
    def read(value: bytes, at: int) -> tuple[Any, int]:
        cell, at = read_integer(value, at)
        return float(cell), at

    return read
