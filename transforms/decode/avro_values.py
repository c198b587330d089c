"""Avro's binary encoding, read from bytes that may be anything.

Every function takes a value's bytes and a position and returns the position behind what it read. Nothing is read
behind the end (`IndexError` and `struct.error` mean that the value is cut short), no length or count in the bytes
makes more work or memory than the bytes themselves, and nesting is bounded.
"""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.rejection import Reason
from transforms.decode.strict_json import Refused

Skip = Callable[[bytes, int, int], int]
_FIXED_SIZES = {"null": 0, "float": 4, "double": 8}
_LONGEST_VARINT = 10


def long_at(value: bytes, at: int) -> tuple[int, int]:
    """Return the zigzag integer at a position and where it ends; raises `Refused` if it has over 64 bits.

    >>> long_at(bytes([3]), 0), long_at(bytes([128, 1]), 0)
    ((-2, 1), (64, 2))
    """
    byte = value[at]
    if byte < 128:
        return (byte >> 1) ^ -(byte & 1), at + 1
    number, shift = byte & 127, 7
    for index in range(at + 1, at + _LONGEST_VARINT):
        byte = value[index]
        number |= (byte & 127) << shift
        if byte < 128 and number < 1 << 64:
            return (number >> 1) ^ -(number & 1), index + 1
        shift += 7
    raise Refused(Reason.AVRO_FRAME)


def span_at(value: bytes, at: int) -> tuple[int, int]:
    """Return where the string or bytes at a position start and end."""
    length, start = long_at(value, at)
    if not 0 <= length <= len(value) - start:
        raise Refused(Reason.AVRO_FRAME)
    return start, start + length


def plain(avro_type: Any) -> Any:
    """Return a type without layers that say nothing: `{"type": {"type": "int"}}` is `{"type": "int"}`."""
    while isinstance(avro_type, dict) and isinstance(avro_type["type"], (dict, list)):
        avro_type = avro_type["type"]
    return avro_type


def type_name(avro_type: Any) -> str:
    """Return a type's name in Avro's words, `union` for a list."""
    return "union" if isinstance(avro_type, list) else avro_type["type"] if isinstance(avro_type, dict) else avro_type


class Skips:
    """Makes the functions that step over values of any type of one schema: `skip(value, at, depth)`.

    `named` are the schema's named types; `depth` is how many records, arrays and maps are open.
    """

    def __init__(self, named: Mapping[str, Any], max_depth: int):
        self._named = named
        self._max_depth = max_depth
        self._records: dict[str, Skip] = {}

    def make(self, avro_type: Any) -> Skip:
        """Return the function for a type."""
        avro_type = plain(avro_type)
        name = type_name(avro_type)
        if name in ("record", "error"):
            return self._record(avro_type)
        if name in self._named:
            return self._records.get(name) or self.make(self._named[name])
        if name == "union":
            return _union([self.make(branch) for branch in avro_type])
        if name == "array":
            return self._blocks(self.make(avro_type["items"]), self._is_empty(avro_type["items"], frozenset()))
        if name == "map":
            item = self.make(avro_type["values"])
            return self._blocks(lambda value, at, depth: item(value, span_at(value, at)[1], depth), False)
        if name == "enum":
            return _enum(len(avro_type["symbols"]))
        if name in ("string", "bytes"):
            return lambda value, at, depth: span_at(value, at)[1]
        if name in ("int", "long"):
            return lambda value, at, depth: long_at(value, at)[1]
        if name == "boolean":
            return _boolean
        return _fixed(avro_type["size"] if name == "fixed" else _FIXED_SIZES[name])

    def _record(self, record: Mapping[str, Any]) -> Skip:
        fields: list[Skip] = []

        def skip(value: bytes, at: int, depth: int) -> int:
            self._check(depth)
            for field in fields:
                at = field(value, at, depth + 1)
            return at

        self._records[record["name"]] = skip  # known before its fields, which may hold it again
        fields += [self.make(field["type"]) for field in record["fields"]]
        return skip

    def _blocks(self, item: Skip, items_are_empty: bool) -> Skip:
        def skip(value: bytes, at: int, depth: int) -> int:
            self._check(depth)
            while True:
                count, at = long_at(value, at)
                if count == 0:
                    return at
                if count < 0:  # then the block says how many bytes it has
                    at = span_at(value, at)[1]
                elif not items_are_empty:
                    for _ in range(count):  # ends where the value does: every item takes a byte
                        at = item(value, at, depth + 1)

        return skip

    def _check(self, depth: int) -> None:
        if depth >= self._max_depth:
            raise Refused(Reason.AVRO_DEPTH)

    def _is_empty(self, avro_type: Any, within: frozenset[str]) -> bool:
        """Whether a type takes no byte at all; a count of such items may be anything."""
        avro_type = plain(avro_type)
        name = type_name(avro_type)
        if name in self._named:
            return name not in within and self._is_empty(self._named[name], within)
        if name in ("record", "error"):
            within |= {avro_type["name"]}
            return all(self._is_empty(field["type"], within) for field in avro_type["fields"])
        return name == "null" or (name == "fixed" and avro_type["size"] == 0)


def _union(branches: list[Skip]) -> Skip:
    def skip(value: bytes, at: int, depth: int) -> int:
        branch, at = long_at(value, at)
        if not 0 <= branch < len(branches):
            raise Refused(Reason.AVRO_FRAME)
        return branches[branch](value, at, depth)

    return skip


def _enum(symbols: int) -> Skip:
    def skip(value: bytes, at: int, depth: int) -> int:
        symbol, at = long_at(value, at)
        if not 0 <= symbol < symbols:
            raise Refused(Reason.AVRO_FRAME)
        return at

    return skip


def _boolean(value: bytes, at: int, depth: int) -> int:
    if value[at] > 1:
        raise Refused(Reason.AVRO_FRAME)
    return at + 1


def _fixed(size: int) -> Skip:
    def skip(value: bytes, at: int, depth: int) -> int:
        if size > len(value) - at:
            raise Refused(Reason.AVRO_FRAME)
        return at + size

    return skip
