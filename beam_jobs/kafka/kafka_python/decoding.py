"""Record batches that do harm: decompression has a limit, header names may be any bytes, a failure says where it is.

kafka-python decompresses without a limit, gives up a whole batch for one header name that is not UTF-8, and does not
say which batch it was. `install` puts our batch classes in the place of the library's, for all consumers of a process.
"""

import contextlib
import functools
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import lz4.frame
import snappy
import zstandard
from kafka.errors import KafkaError
from kafka.record import default_records, legacy_records, memory_records
from kafka.record.util import decode_varint

LARGEST_BATCH_BYTES = 64 << 20  # decompressed; producers make batches of at most a few MiB
_XERIAL = b"\x82SNAPPY\x00"


class UndecodableBatch(KafkaError):
    """A batch that cannot be read, with the offsets that it spans."""

    def __init__(self, why: str, first: int, last: int):
        super().__init__(why)
        self.why, self.first, self.last = why, first, last


class _TooLarge(Exception):
    pass


class RawName(str):
    """A header name that is not UTF-8: text to look at, and encoded again the very bytes that came."""

    raw: bytes

    @classmethod
    def of(cls, raw: bytes) -> "RawName":
        """Return the name.

        >>> RawName.of(b"\\xff!"), RawName.of(b"\\xff!").encode()
        ('\\\\xff!', b'\\xff!')
        """
        made = cls(raw.decode("utf-8", "backslashreplace"))
        made.raw = raw
        return made

    def encode(self, *_: Any) -> bytes:
        """Return the bytes that came, whatever encoding is asked for."""
        return self.raw

    def __reduce__(self) -> tuple:
        return RawName.of, (self.raw,)


class Batch(default_records.DefaultRecordBatch):
    """kafka-python's batch, whose failures are `UndecodableBatch`."""

    __slots__ = ()

    def validate_crc(self) -> bool:
        if not super().validate_crc():
            raise UndecodableBatch("its CRC is wrong", *self._span())
        return True

    def _maybe_uncompress(self) -> None:
        with self._said():
            super()._maybe_uncompress()

    def __next__(self) -> Any:
        with self._said():
            return super().__next__()

    def _read_msg(self, decode_varint: Callable = decode_varint) -> Any:
        before = self._pos
        try:
            return super()._read_msg(decode_varint)
        except UnicodeDecodeError:
            return _record_with_any_names(self, before)

    def _span(self) -> tuple[int, int]:
        return self.base_offset, self.last_offset

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (StopIteration, UndecodableBatch):
            raise
        except _TooLarge:
            why = f"it decompresses to more than {LARGEST_BATCH_BYTES >> 20} MiB"
            raise UndecodableBatch(why, *self._span()) from None
        except Exception as error:
            raise UndecodableBatch(f"{type(error).__name__}: {error}", *self._span()) from None


class OldBatch(legacy_records.LegacyRecordBatch):
    """kafka-python's batch of the formats before Kafka 0.11; a record of format 0, which has no time, has -1."""

    __slots__ = ()

    def _read_header(self, pos: int) -> tuple:
        *fields, timestamp = super()._read_header(pos)
        return *fields, self.NO_TIMESTAMP if timestamp is None else timestamp


def _record_with_any_names(batch: Any, at: int) -> Any:
    data = batch._buffer
    length, at = decode_varint(data, at)
    end = at + length
    _, at = decode_varint(data, at)
    later, at = decode_varint(data, at)
    offset, at = decode_varint(data, at)
    key, at = _field(data, at)
    value, at = _field(data, at)
    count, at = decode_varint(data, at)
    headers = []
    for _ in range(count):
        name, at = _field(data, at)
        content, at = _field(data, at)
        headers.append((_name(name or b""), content))
    if at != end:
        raise ValueError(f"a record of {length} bytes is {at - end:+} bytes longer")
    batch._pos = at
    broker_time = batch.timestamp_type == batch.LOG_APPEND_TIME
    timestamp = batch.max_timestamp if broker_time else batch.first_timestamp + later
    made = default_records.ControlRecord if batch.is_control_batch else default_records.DefaultRecord
    return made(length, batch.base_offset + offset, timestamp, batch.timestamp_type, key, value, headers)


def _field(data: bytearray, at: int) -> tuple[bytes | None, int]:
    size, at = decode_varint(data, at)
    return (None, at) if size < 0 else (bytes(data[at : at + size]), at + size)


def _name(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return RawName.of(raw)


def gunzip(payload: Any) -> bytes:
    """Decompress gzip, at most `LARGEST_BATCH_BYTES`."""
    rest, parts, left = bytes(payload), [], LARGEST_BATCH_BYTES
    while rest:
        stream = zlib.decompressobj(wbits=31)
        parts.append(_within(stream.decompress(rest, left + 1), left))
        if not stream.eof:
            raise ValueError("gzip data ends too early")
        left -= len(parts[-1])
        rest = stream.unused_data
    return b"".join(parts)


def unlz4(payload: Any) -> bytes:
    """Decompress an LZ4 frame, at most `LARGEST_BATCH_BYTES`."""
    stream = lz4.frame.LZ4FrameDecompressor()
    found = _within(stream.decompress(payload, LARGEST_BATCH_BYTES + 1), LARGEST_BATCH_BYTES)
    if not stream.eof:
        raise ValueError("LZ4 data ends too early")
    return found


def unzstd(payload: Any) -> bytes:
    """Decompress Zstandard, at most `LARGEST_BATCH_BYTES`."""
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(payload), read_across_frames=True) as stream:
        return _within(stream.read(LARGEST_BATCH_BYTES + 1), LARGEST_BATCH_BYTES)


def unsnappy(payload: Any) -> bytes:
    """Decompress Snappy, in Xerial's framing or without, at most `LARGEST_BATCH_BYTES`."""
    if not payload.startswith(_XERIAL):
        return _unsnapped(payload, LARGEST_BATCH_BYTES)
    parts, at, left = [], 16, LARGEST_BATCH_BYTES
    while at < len(payload):
        (size,) = struct.unpack_from(">i", payload, at)
        parts.append(_unsnapped(payload[at + 4 : at + 4 + size], left))
        left -= len(parts[-1])
        at += 4 + size
    return b"".join(parts)


def _unsnapped(block: bytes, left: int) -> bytes:
    size, shift = 0, 0
    for byte in block[:5]:  # Snappy says its decompressed size first
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if size > left:
        raise _TooLarge
    return snappy.decompress(block)


def _within(found: bytes, left: int) -> bytes:
    if len(found) > left:
        raise _TooLarge
    return found


@functools.cache
def install() -> None:
    """Put batch classes and decompression in the place of the library's, once in the process."""
    memory_records.DefaultRecordBatch = Batch
    memory_records.LegacyRecordBatch = OldBatch
    for module in (default_records, legacy_records):
        for name, ours in (
            ("gzip_decode", gunzip),
            ("lz4_decode", unlz4),
            ("zstd_decode", unzstd),
            ("snappy_decode", unsnappy),
        ):
            if hasattr(module, name):
                setattr(module, name, ours)
