"""The bytes of a raw file, read through Beam's filesystems and inflated if it is gzip by its name."""

import zlib
from collections.abc import Iterator

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schemas.errors import InputError

_GZIP = 31  # zlib's code for a gzip header around the largest window


def read_content(path: str, size: int) -> Iterator[bytes]:
    """Yield a file's bytes in parts of `size` at most.

    Zeros behind a gzip member are padding, as gzip takes them. Raises `InputError` if the file cannot be read, or is
    gzip by its name and has anything but whole members.
    """
    try:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            if not path.endswith(".gz"):
                while data := stream.read(size):
                    yield data
                return
            inflate, begun, padding = zlib.decompressobj(_GZIP), False, b""
            while data := stream.read(size >> 2):
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
                raise InputError(f"{path}: its gzip stream ends too early; copy the file again")
    except zlib.error:
        raise InputError(f"{path}: not a gzip file, or altered; copy it again") from None
    except (OSError, BeamIOError) as error:
        raise InputError(f"{path}: cannot be read: {first_line(error)}") from None


def first_line(error: Exception) -> str:
    """Return what a filesystem says of an error, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
