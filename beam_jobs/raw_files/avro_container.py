"""Avro files: a header with the writer's schema, then blocks of records between marks.

Read by ourselves, since a block of a few bytes may unfold to any size: here it never has more than `BLOCK_BYTES`, and
what is wrong is said with the byte where it is.
"""

import bz2
import io
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from beam_jobs.raw_files.plain_file import WatchedFile
from schemas.errors import InputError

BLOCK_BYTES = 64 << 20
_MAGIC = b"Obj\x01"
_MARK_BYTES = 16
_META_BYTES = 16 << 20
_READ_BYTES = 1 << 16
_LONGEST_VARINT = 10
_RAW_DEFLATE = -15


class AvroContainer:
    """An Avro file that was opened; `schema` is the text of its writer's schema.

    Raises `InputError` for what is no Avro file, and for a codec that is not known.
    """

    def __init__(self, file: WatchedFile, path: str):
        self._source = _Source(file, path)
        if self._source.take(len(_MAGIC)) != _MAGIC:
            raise InputError(f"{path}: not an Avro file by its first bytes; give one, or say --data-format")
        meta = self._meta()
        self._mark = self._source.take(_MARK_BYTES)
        codec = meta.get("avro.codec", b"null").decode("utf-8", "replace")
        if codec not in _CODECS:
            raise InputError(f"{path}: its codec is {codec[:40]!r}, wanted one of {', '.join(_CODECS)}; write it again")
        self._unfold = _CODECS[codec]
        self.schema = meta.get("avro.schema", b"").decode("utf-8", "replace")

    def blocks(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield where each block begins in the file, how many records it has, and their bytes."""
        source = self._source
        while not source.at_end():
            start = source.at
            count, size = source.long(), source.long()
            if count < 0 or size < 0:
                raise source.wrong(start, "a block has a negative count or size")
            if size > BLOCK_BYTES:
                raise source.wrong(start, f"a block of {size:,} bytes, at most {BLOCK_BYTES:,} are read")
            data = source.take(size)
            if source.take(_MARK_BYTES) != self._mark:
                raise source.wrong(start, "a block does not end with the file's mark")
            try:
                content = self._unfold(data)
            except _TooLarge:
                raise source.wrong(start, f"a block unfolds to more than {BLOCK_BYTES:,} bytes") from None
            except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError):
                raise source.wrong(start, "a block cannot be decompressed") from None
            yield start, count, content

    def _meta(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        source, size = self._source, 0
        while count := source.long():
            if count < 0:  # then its size in bytes comes first
                count = -count
                source.long()
            for _ in range(count):
                key = source.span(_META_BYTES)
                value = source.span(_META_BYTES)
                found[key.decode("utf-8", "replace")] = value
                size += len(key) + len(value)
                if size > _META_BYTES:
                    raise source.wrong(0, f"a header of more than {_META_BYTES:,} bytes")
        return found


class _Source:
    """The file's bytes in order; what is missing at the end is said with its place."""

    def __init__(self, file: WatchedFile, path: str):
        self._file, self._path = file, path
        self._data, self._next = b"", 0
        self.at = 0

    def at_end(self) -> bool:
        """Say whether no byte is left."""
        return self._next == len(self._data) and not self._fill()

    def take(self, size: int) -> bytes:
        """Return so many bytes."""
        start, parts = self.at, io.BytesIO()
        while size:
            if self._next == len(self._data) and not self._fill():
                raise self.wrong(start, "the file ends in the middle of a block")
            part = self._data[self._next : self._next + size]
            parts.write(part)
            self._next += len(part)
            self.at += len(part)
            size -= len(part)
        return parts.getvalue()

    def long(self) -> int:
        """Return a zigzag integer."""
        start, number = self.at, 0
        for shift in range(0, 7 * _LONGEST_VARINT, 7):
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                if number >= 1 << 64:
                    break
                return (number >> 1) ^ -(number & 1)
        raise self.wrong(start, "a number of more than 64 bits")

    def span(self, most: int) -> bytes:
        """Return bytes behind their length."""
        start, size = self.at, self.long()
        if not 0 <= size <= most:
            raise self.wrong(start, f"{size:,} bytes in its header, at most {most:,} are read")
        return self.take(size)

    def wrong(self, at: int, what: str) -> InputError:
        return InputError(f"{self._path}: at byte {at:,}: {what}; copy or write the file again")

    def _fill(self) -> bool:
        self._data, self._next = self._file.read(_READ_BYTES), 0
        return bool(self._data)


class _TooLarge(Exception):
    pass


def _deflate(data: bytes) -> bytes:
    inflate = zlib.decompressobj(_RAW_DEFLATE)
    content = inflate.decompress(data, BLOCK_BYTES)
    if inflate.unconsumed_tail:
        raise _TooLarge
    if not inflate.eof:
        raise EOFError
    return content


def _bzip2(data: bytes) -> bytes:
    return _bounded(bz2.BZ2Decompressor(), data)


def _xz(data: bytes) -> bytes:
    return _bounded(lzma.LZMADecompressor(memlimit=1 << 30), data)


def _bounded(stream: Any, data: bytes) -> bytes:
    content = stream.decompress(data, BLOCK_BYTES + 1)
    if len(content) > BLOCK_BYTES:
        raise _TooLarge
    if not stream.eof:
        raise EOFError
    return content


def _zstandard(data: bytes) -> bytes:
    content = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read(BLOCK_BYTES + 1)
    if len(content) > BLOCK_BYTES:
        raise _TooLarge
    return content


def _snappy(data: bytes) -> bytes:
    """Snappy's raw form says first how long the content is; behind it stands the content's CRC-32."""
    body, checksum = data[:-4], data[-4:]
    size = shift = 0
    for byte in body[:5]:
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    if size > BLOCK_BYTES:
        raise _TooLarge
    content = pa.Codec("snappy").decompress(body, size, asbytes=True)
    if struct.pack(">I", zlib.crc32(content)) != checksum:
        raise ValueError
    return content


_CODECS: Mapping[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": _deflate,
    "snappy": _snappy,
    "zstandard": _zstandard,
    "bzip2": _bzip2,
    "xz": _xz,
}
