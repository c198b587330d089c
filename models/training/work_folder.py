"""What a training leaves beside its candidate while it runs: checkpoints, and files of what is larger than memory.

It is `OUTPUT.training`, so that the same command finds it again; the candidate's completion removes it.
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

from schemas.artifacts.artifact import MARKER, ArtifactKind
from schemas.artifacts.making import check_place
from schemas.errors import ArtifactError
from schemas.file_lock import lock_within
from schemas.plain_files import write_whole

_WRITING, _LOCK = "writing", "lock"
_PATIENCE_S = 5.0
"""What a training waits for one before it to end: workers whose command was killed save themselves first."""


def work_folder(output: str | pathlib.Path) -> pathlib.Path:
    """Return the folder beside an output.

    >>> str(work_folder("runs/1"))
    'runs/1.training'
    """
    place = pathlib.Path(output)
    return place.with_name(f"{place.name}.training")


def checkpoints_of(output: str | pathlib.Path) -> pathlib.Path:
    """Return where the checkpoints of a training are."""
    return work_folder(output) / "checkpoints"


def files_of(output: str | pathlib.Path, rank: int) -> pathlib.Path:
    """Return where a worker's files of what is larger than memory are."""
    return work_folder(output) / f"files-{rank}"


def check_output(output: str | pathlib.Path) -> None:
    """Raise as `check_place` does; what a training that was killed had begun to write is no obstacle to the next."""
    if not _left_over(pathlib.Path(output)):
        check_place(output, ArtifactKind.CANDIDATE)


@contextlib.contextmanager
def working(output: str | pathlib.Path, rank: int) -> Iterator[None]:
    """Have the work folder of an output for one training alone within the block; raises as `check_output` does.

    Raises `ArtifactError` if another training has it, too. That is known to the first worker, who writes; the others
    cannot train without the first. What a killed training had begun to write goes; so do checkpoints, once the
    candidate is complete.
    """
    if rank:
        yield
        return
    folder, place = work_folder(output), pathlib.Path(output)
    check_output(output)
    with _alone(folder, place):
        if _left_over(place):
            shutil.rmtree(place)
        check_place(output, ArtifactKind.CANDIDATE)
        try:
            yield
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            (folder / _WRITING).unlink(missing_ok=True)


@contextlib.contextmanager
def large_files(folder: pathlib.Path | None) -> Iterator[None]:
    """Have a folder for files within the block; it is removed afterwards, and what a killed one left, before."""
    if folder is None:
        yield
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.parent.rmdir()  # where nothing else is in it


def begin_to_write(output: pathlib.Path) -> None:
    """Say that this folder, and no other at its path, is a candidate half-written: if killed, the next may remove it.

    For a training that can be gone on with, whose `working` ends it.
    """
    write_whole(work_folder(output) / _WRITING, _identity(output))


@contextlib.contextmanager
def _alone(folder: pathlib.Path, output: pathlib.Path) -> Iterator[None]:
    path = folder / _LOCK
    handle = _locked(path, output)
    try:
        yield
    finally:
        if _is_at(handle, path):
            path.unlink()
        os.close(handle)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _locked(path: pathlib.Path, output: pathlib.Path) -> int:
    """Return the open file at `path`, locked; one whose holder removed it at its end is made anew."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except FileNotFoundError:
            continue
        kept = False
        try:
            if not lock_within(handle, _PATIENCE_S):
                raise ArtifactError(f"{output}: another process trains this candidate; wait for it, or end it")
            kept = _is_at(handle, path)
        finally:
            if not kept:
                os.close(handle)
        if kept:
            return handle


def _is_at(handle: int, path: pathlib.Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _identity(folder: pathlib.Path) -> bytes:
    found = folder.lstat()
    return f"{found.st_dev} {found.st_ino}\n".encode()


def _left_over(output: pathlib.Path) -> bool:
    """Say whether an output is the very folder that a resumable training, which was killed, had begun to write."""
    writing = work_folder(output) / _WRITING
    if output.is_symlink() or not output.is_dir() or (output / MARKER).exists():
        return False
    return writing.is_file() and writing.read_bytes() == _identity(output)
