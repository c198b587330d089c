"""Files at an address of one of Beam's filesystems. Imported when there is one: files on a disk need no Beam."""

from typing import BinaryIO

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems


def open_remote(path: str) -> BinaryIO:
    """Open a file for reading, its bytes as they are; raises `OSError`."""
    try:
        return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except (BeamIOError, ValueError) as error:
        raise OSError(*error.args) from None


def matched_remote(pattern: str) -> list[str]:
    """Return the addresses that a pattern matches; raises `OSError` if it cannot be looked for."""
    try:
        return [found.path for result in FileSystems.match([pattern]) for found in result.metadata_list]
    except (BeamIOError, ValueError) as error:
        raise OSError(*error.args) from None


def version(path: str) -> str:
    """Return what a filesystem says of a file's content: size and time, and a checksum where it keeps one.

    Raises `OSError`.
    """
    try:
        filesystem = FileSystems.get_filesystem(path)
        size, updated = filesystem.size(path), filesystem.last_updated(path)
        return f"{size} {updated} {filesystem.checksum(path)}"
    except (BeamIOError, ValueError, NotImplementedError) as error:
        raise OSError(*error.args) from None
