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
        elif kind == "gzip":
            yield from _gzip(file, size, path)
        else:
            yield from _by_arrow(file, size, path, kind)


def read_text(path: str, size: int, was: Stamp | None = None) -> Iterator[bytes]:
    """Yield the bytes of a text file in UTF-8, without its byte order mark; raises `InputError` as `read_content`."""
    begun = False
    for data in read_content(path, size, was):
        if not begun:
            if data.startswith(_UTF_16):
                raise InputError(f"{path}: its first bytes are those of UTF-16; write it in UTF-8 (iconv -t UTF-8)")
            data, begun = data.removeprefix(_UTF_8_MARK), True
        yield data


def _gzip(file: WatchedFile, size: int, path: str) -> Iterator[bytes]:
    try:
        yield from _inflated(file, size)
    except (zlib.error, EOFError) as error:
        file.check()  # then this is why
        if isinstance(error, EOFError):
            raise _cut(path, "gzip") from None
        raise _altered(path, "gzip") from None


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


def _by_arrow(file: WatchedFile, size: int, path: str, kind: str) -> Iterator[bytes]:
    stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), kind)
    while True:
        try:
            data = stream.read(size)
        except OSError as error:
            file.check()  # then this is why
            raise (_cut if "runcated" in str(error) else _altered)(path, kind) from None
        if not data:
            return
        yield data


def _cut(path: str, kind: str) -> InputError:
    return InputError(f"{path}: its {kind} stream ends too early; copy the file again")


def _altered(path: str, kind: str) -> InputError:
    return InputError(f"{path}: not a {kind} file, or altered; copy it again")
