"""Where a new artifact is made: a place that is free and can be written; what does not come to its end is removed."""

import contextlib
import errno
import os
import pathlib
import shutil
from collections.abc import Iterator

from schemas.artifacts.artifact import MARKER, ArtifactKind, check_free, create, kind_of
from schemas.errors import ArtifactError, InputError, UsageError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def making(path: str | pathlib.Path, kind: str) -> Iterator[pathlib.Path]:
    """Make the directory of a new artifact, to be filled and completed within the block; if that raises, remove it.

    Raises as `check_place` does. That nothing more could be written is an `OSError` that says where, even if a library
    tells it in a way of its own.
    """
    check_place(path, kind)
    made = create(path, kind)
    try:
        yield made
    except BaseException as error:
        _remove(made)
        full = _full_disk(error)
        if full is not None:
            raise OSError(full, os.strerror(full), str(path)) from error
        raise


def check_place(path: str | pathlib.Path, kind: str) -> None:
    """Raise `ArtifactError` for a directory in which no artifact can be made; make nothing.

    It must be new or empty, below a folder that can be written, and in no artifact that is complete.
    """
    place = pathlib.Path(path)
    if (place / MARKER).exists():
        raise ArtifactError(f"{path}: already a completed {_kind_text(place, kind)}; choose another directory")
    for above in place.absolute().parents:
        if (above / MARKER).exists():
            raise ArtifactError(f"{path}: in {above}, which is complete and must not change; choose another directory")
    check_free(path, kind)
    check_writable(path)


def check_writable(path: str | pathlib.Path) -> None:
    """Raise `ArtifactError` for a directory that can neither be made nor written to; make nothing."""
    place = pathlib.Path(path).absolute()
    above = next(folder for folder in (place, *place.parents) if os.path.lexists(folder))
    if not above.is_dir():
        what = "a file" if above == place else f"{above} is a file"
        raise ArtifactError(f"{path}: {what}, wanted a directory; choose another place")
    if not os.access(above, os.W_OK | os.X_OK, effective_ids=True):
        raise ArtifactError(f"{path}: {above} may not be written to; choose another place")


def copy_folder(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy a folder of plain files; raises the first `OSError` as it is, where `shutil.copytree` gathers them."""
    for folder, _, names in os.walk(source):
        into = target / pathlib.Path(folder).relative_to(source)
        into.mkdir()
        for name in names:
            copy_file(pathlib.Path(folder) / name, into / name)


def move_folder(source: pathlib.Path, target: str) -> None:
    """Move a folder of this machine; what an earlier try of the same step has left there is replaced."""
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    shutil.move(source, target)


def copy_file(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy a file and its mode; an `OSError` names the file that cannot be written."""
    try:
        shutil.copy(source, target)
    except OSError as error:
        if error.errno is None or error.filename2 is None:
            raise
        raise OSError(error.errno, error.strerror, str(target)) from error


def _remove(made: pathlib.Path) -> None:
    """Remove a directory, as far as that goes; where its path is a link, all that is in it."""
    if not made.is_symlink():
        shutil.rmtree(made, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        for entry in [*made.iterdir()]:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()


def _full_disk(error: BaseException) -> int | None:
    """Return the number of the machine's error if that is why nothing could be written, and nothing says where."""
    if isinstance(error, InputError | UsageError | ArtifactError) or not isinstance(error, Exception):
        return None
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.filename is None else None
    return no_room(error)


def no_room(error: BaseException) -> int | None:
    """Return the number of the machine's error if an exception of a library says that nothing more can be written."""
    return next((number for number in _NO_ROOM if os.strerror(number) in str(error)), None)


def _kind_text(path: pathlib.Path, wanted: str) -> str:
    """Return what a completed directory is, in a word, as far as it says so."""
    try:
        found = kind_of(path)
    except (ArtifactError, OSError):
        return wanted
    return found if found in [*ArtifactKind] else wanted
