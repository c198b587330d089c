"""Small folders that one step writes and others read: at an address each is one file, so none is ever half there."""

import contextlib
import functools
import io
import os
import pathlib
import tarfile
import tempfile
from collections.abc import Iterator

from beam_jobs.process.private_folder import private_folder
from beam_jobs.stored import files
from schemas.address import is_remote
from schemas.artifacts.making import move_folder


def place_folder(source: pathlib.Path, path: str) -> None:
    """Bring a folder of this machine to its place, where it replaces what an earlier try has brought.

    On a disk it is moved there.
    """
    if is_remote(path):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(source, ".")
        files.write(path, packed.getvalue())
        return
    move_folder(source, path)


@contextlib.contextmanager
def new_folder(path: str) -> Iterator[pathlib.Path]:
    """Have a folder that is filled within the block, in place or brought to its place at the end."""
    if not is_remote(path):
        folder = pathlib.Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="onegraph-folder-") as temporary:
        yield pathlib.Path(temporary)
        place_folder(pathlib.Path(temporary), path)


@contextlib.contextmanager
def filled(path: str) -> Iterator[pathlib.Path]:
    """Have a folder whose files, each by its name, are in the folder at `path` when the block has ended."""
    if not is_remote(path):
        yield pathlib.Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="onegraph-folder-") as temporary:
        yield pathlib.Path(temporary)
        for file in sorted(pathlib.Path(temporary).iterdir()):
            files.put(file, f"{path}/{file.name}")


def take_folder(path: str, target: pathlib.Path) -> None:
    """Bring a folder that `place_folder` or `new_folder` has made to this machine's `target`; on a disk it is moved."""
    if is_remote(path):
        _fetch(path, target)
    else:
        os.replace(path, target)


def folder_here(path: str) -> pathlib.Path:
    """Return a folder as this machine has it: one at an address is fetched, once in a process."""
    return _fetched(path) if is_remote(path) else pathlib.Path(path)


@functools.cache
def _fetched(path: str) -> pathlib.Path:
    folder = private_folder("onegraph-fetched-")
    _fetch(path, folder / "folder")
    return folder / "folder"


def _fetch(path: str, target: pathlib.Path) -> None:
    """Copy what `place_folder` brought to an address into a new folder of this machine."""
    with tarfile.open(fileobj=io.BytesIO(files.read(path))) as archive:
        archive.extractall(target, filter="data")
