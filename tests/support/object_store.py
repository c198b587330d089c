"""A filesystem of Beam that is an object store: `shelf://bucket/name`, kept in a folder that other processes see.

There are no folders but in names; an object is there when it is closed, whole, and is never appended to; a rename is
a copy and a removal of one object; what lists, lists by prefix.
"""

import io
import os
import pathlib
import shutil
import urllib.parse
import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata, FileSystem

ROOT = "ONEGRAPH_TEST_SHELF"
"""Names the folder that holds the objects."""


class ShelfFileSystem(FileSystem):
    """The store; registered by being imported, as Beam's filesystems are."""

    @classmethod
    def scheme(cls) -> str:
        return "shelf"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        """Do nothing, as Beam's own object stores."""

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for name in sorted(names()):
            if name.startswith(dir_or_prefix):
                yield FileMetadata(name, _file(name).stat().st_size)

    def create(
        self, path: str, mime_type: str = "application/octet-stream", compression_type: str = CompressionTypes.AUTO
    ) -> BinaryIO:
        assert compression_type == CompressionTypes.UNCOMPRESSED, path
        return _Upload(path)

    def open(
        self, path: str, mime_type: str = "application/octet-stream", compression_type: str = CompressionTypes.AUTO
    ) -> BinaryIO:
        return open(_there(path), "rb")

    def copy(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        for source, destination in zip(source_file_names, destination_file_names, strict=True):
            with self.open(source) as file, self.create(destination, "", CompressionTypes.UNCOMPRESSED) as copied:
                shutil.copyfileobj(file, copied)

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        self.copy(source_file_names, destination_file_names)
        self.delete(source_file_names)

    def exists(self, path: str) -> bool:
        return _file(path).exists()

    def size(self, path: str) -> int:
        return _there(path).stat().st_size

    def last_updated(self, path: str) -> float:
        return _there(path).stat().st_mtime

    def checksum(self, path: str) -> str:
        return str(self.size(path))

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, self.size(path), self.last_updated(path))

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            _there(path).unlink()


class _Upload(io.BytesIO):
    """What is written and not closed is nowhere."""

    def __init__(self, path: str):
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            unfinished = _root() / f".{uuid.uuid4().hex}"
            unfinished.write_bytes(self.getvalue())
            os.replace(unfinished, _file(self._path))
        super().close()

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if kind is not None:
            super().close()
        else:
            self.close()


def names() -> list[str]:
    """Return the addresses of all objects."""
    return [urllib.parse.unquote(file) for file in os.listdir(_root()) if not file.startswith(".")]


def content(address: str) -> dict[str, bytes]:
    """Return the objects below an address by their names there."""
    found = [name for name in names() if name.startswith(f"{address}/")]
    return {name.removeprefix(f"{address}/"): _file(name).read_bytes() for name in sorted(found)}


def copy_here(address: str, folder: pathlib.Path) -> pathlib.Path:
    """Copy the objects below an address into a new folder, as a person does who wants the set on a disk."""
    for name, data in content(address).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def _root() -> pathlib.Path:
    return pathlib.Path(os.environ[ROOT])


def _file(path: str) -> pathlib.Path:
    return _root() / urllib.parse.quote(path, safe="")


def _there(path: str) -> pathlib.Path:
    file = _file(path)
    if not file.exists():
        raise BeamIOError(f"no object {path}")
    return file
