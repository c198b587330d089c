"""The bytes of a raw file, inflated if it is gzip by its name."""

import zlib
from collections.abc import Iterator

from beam_jobs.raw_files.plain_file import Stamp, WatchedFile
from schemas.errors import InputError

_GZIP = 31  # zlib's code for a gzip header around the largest window


def read_content(path: str, size: int, was: Stamp | None = None) -> Iterator[bytes]:
    """Yield a file's bytes in parts of `size` at most.

    Zeros behind a gzip member are padding, as gzip takes them. Raises `InputError` if the file cannot be read, is
    gzip by its name and has anything but whole members, or changes meanwhile: since `was`, or since this began.
    """
    with WatchedFile(path, was) as file:
        if not path.lower().endswith(".gz"):
            while data := file.read(size):
                yield data
            return
        try:
            yield from _inflated(file, size)
        except (zlib.error, EOFError) as error:
            file.check()  # then this is why
            if isinstance(error, EOFError):
                raise InputError(f"{path}: its gzip stream ends too early; copy the file again") from None
            raise InputError(f"{path}: not a gzip file, or altered; copy it again") from None


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
