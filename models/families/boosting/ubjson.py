"""Universal Binary JSON as XGBoost writes its models: typed arrays as numpy arrays, everything else as plain values."""

import struct
from typing import Any

import numpy as np

_ARRAYS = {b"d": ">f4", b"D": ">f8", b"U": ">u1", b"i": ">i1", b"I": ">i2", b"l": ">i4", b"L": ">i8"}
_NUMBERS = {b"d": ">f", b"D": ">d", b"U": ">B", b"i": ">b", b"I": ">h", b"l": ">i", b"L": ">q"}
_CONSTANTS = {b"T": True, b"F": False, b"Z": None}
_DEEPEST = 64


def parse(data: bytes) -> Any:
    """Return the one value that `data` holds; raises `ValueError` for anything else, a key that comes twice included.

    >>> parse(b"{L" + b"\\0" * 7 + b"\\1x[$U#L" + b"\\0" * 7 + b"\\2\\5\\6}")
    {'x': array([5, 6], dtype=uint8)}
    """
    reader = _Reader(data)
    value = reader.value(reader.take(1), 0)
    if reader.at != len(data):
        raise ValueError("more than one value")
    return value


class _Reader:
    def __init__(self, data: bytes):
        self._data, self.at = data, 0

    def take(self, size: int) -> bytes:
        if size < 0 or size > len(self._data) - self.at:
            raise ValueError("ends too early")
        self.at += size
        return self._data[self.at - size : self.at]

    def value(self, marker: bytes, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        if marker in _NUMBERS:
            return struct.unpack(_NUMBERS[marker], self.take(struct.calcsize(_NUMBERS[marker])))[0]
        if marker == b"S":
            return self._text()
        if marker == b"{":
            return self._object(depth)
        if marker == b"[":
            return self._array(depth)
        if marker not in _CONSTANTS:
            raise ValueError("holds an unknown type")
        return _CONSTANTS[marker]

    def _count(self) -> int:
        count = self.value(self.take(1), _DEEPEST)
        if type(count) is not int:
            raise ValueError("holds a count that is none")
        return count

    def _text(self) -> str:
        return self.take(self._count()).decode()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (marker := self.take(1)) != b"}":
            self.at -= len(marker)
            name = self._text()
            if name in found:
                raise ValueError("holds a name twice")
            found[name] = self.value(self.take(1), depth + 1)
        return found

    def _array(self, depth: int) -> Any:
        marker = self.take(1)
        if marker == b"$":
            kind = self.take(1)
            if kind not in _ARRAYS or self.take(1) != b"#":
                raise ValueError("holds an array of an unknown type")
            dtype = np.dtype(_ARRAYS[kind])
            return np.frombuffer(self.take(self._count() * dtype.itemsize), dtype)
        found = []
        if marker == b"#":
            for _ in range(self._count()):
                found.append(self.value(self.take(1), depth + 1))
            return found
        while marker != b"]":
            found.append(self.value(marker, depth + 1))
            marker = self.take(1)
        return found
