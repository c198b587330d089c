"""The one door to the files of a run's output and of its unfinished work, on a disk or at an address.

What is at an address is taken for an object store's: a file is there, and whole, once it is closed; nothing is
appended, folders have no names that could be changed. Beam is imported where there is an address. What its filesystems
raise comes out as `ServiceError` in one line.
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from schemas.address import is_remote
from schemas.errors import OnegraphError, ServiceError

if TYPE_CHECKING:
    from apache_beam.io.filesystem import FileSystem

_BLOCK = 1 << 20


def read(path: str) -> bytes:
    """Return the bytes of a file; raises `FileNotFoundError` if there is none."""
    if not is_remote(path):
        return pathlib.Path(path).read_bytes()
    with _reaching(path) as filesystem:
        if not filesystem.exists(path):
            raise FileNotFoundError(path)
        with opened(path) as file:
            return file.read()


def write(path: str, data: bytes) -> None:
    """Write a whole file."""
    if not is_remote(path):
        pathlib.Path(path).write_bytes(data)
        return
    with _reaching(path), created(path) as file:
        file.write(data)


def opened(path: str) -> BinaryIO:
    """Open a file for reading, its bytes as they are."""
    if not is_remote(path):
        return open(path, "rb")
    from apache_beam.io.filesystem import CompressionTypes

    with _reaching(path) as filesystem:
        return filesystem.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def created(path: str) -> BinaryIO:
    """Open a new file for writing."""
    if not is_remote(path):
        return open(path, "wb")
    from apache_beam.io.filesystem import CompressionTypes

    with _reaching(path) as filesystem:
        _make_folder(filesystem, path)
        return filesystem.create(path, compression_type=CompressionTypes.UNCOMPRESSED)


def exists(path: str) -> bool:
    """Say whether there is a file."""
    if not is_remote(path):
        return os.path.exists(path)
    with _reaching(path) as filesystem:
        return filesystem.exists(path)


def size(path: str) -> int:
    """Return the bytes of a file at an address."""
    with _reaching(path) as filesystem:
        return filesystem.size(path)


def put(source: pathlib.Path, path: str) -> None:
    """Bring a file of this machine to an address."""
    with _reaching(path), open(source, "rb") as ours, created(path) as file:
        shutil.copyfileobj(ours, file, _BLOCK)


def move(source: str, path: str) -> None:
    """Give a file another name, which no file has. From a disk it may go to an address."""
    if not is_remote(path):
        shutil.move(source, path)  # it may be another disk
    elif not is_remote(source):
        put(pathlib.Path(source), path)
        os.unlink(source)
    else:
        with _reaching(path) as filesystem:
            _make_folder(filesystem, path)
            filesystem.rename([source], [path])


def remove(path: str) -> None:
    """Remove a file at an address, if it is there."""
    with _reaching(path) as filesystem:
        if filesystem.exists(path):
            filesystem.delete([path])


def below(folder: str) -> list[str]:
    """Return the addresses of what is in a folder at an address, in order; where there are folders, theirs too."""
    with _reaching(folder) as filesystem:
        (found,) = filesystem.match([f"{folder}/{'*' if filesystem.has_dirs() else '**'}"])
        return sorted(entry.path for entry in found.metadata_list)


def remove_folder(folder: str) -> None:
    """Remove all that is in a folder at an address."""
    with _reaching(folder) as filesystem:
        if found := [folder] if filesystem.has_dirs() and filesystem.exists(folder) else below(folder):
            filesystem.delete(found)


@contextlib.contextmanager
def _reaching(path: str) -> Iterator["FileSystem"]:
    from apache_beam.io.filesystems import FileSystems

    try:
        yield FileSystems.get_filesystem(path)
    except (OnegraphError, FileNotFoundError):
        raise
    except Exception as error:  # every filesystem has errors of its own
        said = next(iter(str(error).splitlines()), "")
        raise ServiceError(
            f"{path}: cannot be reached ({type(error).__name__}: {said}); check the address and the rights to it"
        ) from error


def _make_folder(filesystem: "FileSystem", path: str) -> None:
    if filesystem.has_dirs():
        with contextlib.suppress(OSError):  # it is there; if it cannot be made, the file says so
            filesystem.mkdirs(path.rpartition("/")[0])
