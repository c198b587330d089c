"""The bytes of a raw file, decompressed if its name says so."""

import zlib
from collections.abc import Iterator

import pyarrow as pa

from beam_jobs.cli.file_settings import COMPRESSED
from beam_jobs.raw_files.plain_file import Stamp, WatchedFile
from schemas.errors import InputError

_GZIP = 31  # zlib's code for a gzip header around the largest window
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_8_MARK = b"\xef\xbb\xbf"


def read_content(path: str, size: int, was: Stamp | None = None) -> Iterator[bytes]:
    """Yield a file's bytes in parts of `size` at most, so that what a small file unfolds to is never there at once.

    Zeros behind a gzip member are padding, as gzip takes them. Raises `InputError` if the file cannot be read, is
    compressed by its name and has anything but whole members, or changes meanwhile: since `was`, or since this began.
    """
    kind = next((kind for suffix, kind in COMPRESSED.items() if path.lower().endswith(suffix)), None)
    with WatchedFile(path, was) as file:
        if kind is None:
            while data := file.read(size):
                yield data
        else:
            yield from _decompressed(file, size, path, kind)


def read_text(path: str, size: int, was: Stamp | None = None) -> Iterator[bytes]:
    """Yield the bytes of a text file in UTF-8, without its byte order mark; raises `InputError` as `read_content`."""
    begun = False
    for data in read_content(path, size, was):
        if not begun:
            if data.startswith(_UTF_16):
                raise InputError(f"{path}: its first bytes are those of UTF-16; write it in UTF-8 (iconv -t UTF-8)")
            data, begun = data.removeprefix(_UTF_8_MARK), True
        yield data


def _decompressed(file: WatchedFile, size: int, path: str, kind: str) -> Iterator[bytes]:
    """Yield the content, and say of what is wrong behind how much of it that is."""
    parts, behind = _inflated(file, size) if kind == "gzip" else _by_arrow(file, size, kind), 0
    while True:
        try:
            part = next(parts, None)
        except (zlib.error, EOFError, OSError) as error:
            file.check()  # then this is why
            whole = f" ({behind:,} bytes of its content are whole)" if behind else ""
            if isinstance(error, EOFError) or "Truncated" in str(error):
                raise InputError(f"{path}: its {kind} stream ends too early; copy the file again{whole}") from None
            raise InputError(f"{path}: not a {kind} file, or altered; copy it again{whole}") from None
        if part is None:
            return
        yield part
        behind += len(part)


def _inflated(file: WatchedFile, size: int) -> Iterator[bytes]:
    inflate, begun, padding = zlib.decompressobj(_GZIP), False, b""
    while data := file.read(size >> 2):
        text, data = b"", data if begun else data.lstrip(padding)
        while data or len(text) == size:  # as many bytes as were asked for: there may be more
            begun = True
            text = inflate.decompress(data, size)
            yield text
            data = inflate.unconsumed_tail
            if inflate.eof:
                padding = b"\0"
                data, text = inflate.unused_data.lstrip(padding), b""
                inflate, begun = zlib.decompressobj(_GZIP), False
    if begun:
        raise EOFError


def _by_arrow(file: WatchedFile, size: int, kind: str) -> Iterator[bytes]:
    stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), kind)
    while data := stream.read(size):
        yield data
