"""What becomes of an output that is there already: refused, taken as it is, or replaced by a new run.

Half a directory is never seen under the output's name as a complete one: a new run is made beside the old directory and
takes its place when it is complete. What a run that was killed has left is known by the lock that nobody holds, which
goes right before the marker comes; an output that is a link is replaced where it leads.
"""

import contextlib
import dataclasses
import fcntl
import logging
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from beam_jobs.file_runs import addressed_existing
from beam_jobs.file_runs.run_facts import check_same
from beam_jobs.file_runs.run_names import LOCK, NEW, OLD, REBUILD, REFUSE, RUN, SKIP, WORK
from schemas.address import is_remote
from schemas.artifacts import artifact
from schemas.artifacts.artifact import MANIFEST, MARKER, Artifact, ArtifactKind
from schemas.artifacts.making import check_place, check_writable
from schemas.errors import ArtifactError
from schemas.plain_files import sync

_log = logging.getLogger(__name__)
_Settings = TypeVar("_Settings", bound=Any)


def check_output(settings: Any, kind: str) -> None:
    """Raise `ArtifactError` if a run cannot write its output, by what `settings.existing` says; change nothing."""
    if is_remote(settings.output):
        addressed_existing.check_output(settings, kind)
        return
    if settings.existing == REFUSE:
        check_place(settings.output, kind)
        return
    path = _place(settings)
    complete = (path / MARKER).exists()
    if (settings.existing == REBUILD and complete) or left_over(path):
        here = pathlib.Path.cwd()
        if path in (here, *here.parents):
            raise ArtifactError(f"{path}: it is to be replaced, and you are in it; change to another folder")
    if complete:
        artifact.open_artifact(path, kind)
        check_writable(path.parent)
    elif not left_over(path):
        check_place(path, kind)


def taken(settings: Any, kind: str, facts: Callable[[], dict[str, str]]) -> Artifact | None:
    """Return the output that is there already, if it is to be taken and was made of the same; None if a run is wanted.

    `facts` says of what, and is called if there is one. Raises `ArtifactError` for one that was made of something else.
    """
    if settings.existing != SKIP:
        return None
    if is_remote(settings.output):
        return addressed_existing.taken(settings, kind, facts)
    path = _place(settings)
    _finish_replacing(path)
    if not (path / MARKER).exists():
        return None
    found = artifact.open_artifact(path, kind)
    check_same(found.manifest.get(RUN, {}), facts(), f"{path}: a completed {kind}")
    found.verify()
    return found


@contextlib.contextmanager
def replaced(settings: _Settings) -> Iterator[_Settings]:
    """Yield the settings of a run whose directory gets the output's name, and takes its place, when the block ends."""
    if is_remote(settings.output):
        with addressed_existing.replaced(settings) as fresh_settings:
            yield fresh_settings
        return
    path = _place(settings)
    if settings.existing != REFUSE:
        _finish_replacing(path)
    _remove_left_over(path)
    if not (path / MARKER).exists():
        yield settings
        return
    fresh, old = _beside(path)
    _remove_left_over(fresh)
    if (fresh / MARKER).exists():  # of a run that was ended before the names
        _remove(fresh)
    yield dataclasses.replace(settings, output=str(fresh))
    os.rename(path, old)
    os.rename(fresh, path)
    sync(path.parent)
    _remove(old)


def left_over(path: pathlib.Path) -> bool:
    """Say whether a directory is what a run has left that does not run any more."""
    if (path / MARKER).exists():
        return False
    try:
        lock = os.open(path / WORK / LOCK, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return _is_unmarked(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def empty_work(path: pathlib.Path) -> None:
    """Remove what is in the folder of unfinished files but its lock: the directory is still a run's."""
    with os.scandir(path / WORK) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            elif entry.name != LOCK:
                os.unlink(entry.path)


def _place(settings: Any) -> pathlib.Path:
    return pathlib.Path(os.path.realpath(settings.output))


def _beside(path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Return where a directory's successor is made, and where the directory is while names change."""
    return path.with_name(path.name + NEW), path.with_name(path.name + OLD)


def _is_unmarked(path: pathlib.Path) -> bool:
    """Say whether a directory is of a run that ended after its manifest and before its marker."""
    try:
        manifest = artifact.unmarked(path)
    except (ArtifactError, OSError):
        return False
    return manifest.get("kind") in [*ArtifactKind] and isinstance(manifest.get(RUN), dict)


def _finish_replacing(path: pathlib.Path) -> None:
    """Set right what a run has left that was ended between the two names."""
    fresh, old = _beside(path)
    if not os.path.lexists(path):
        for beside in (fresh, old):
            if (beside / MARKER).exists():
                _log.warning("%s: left by a run that was ended; it is %s again", beside, path)
                os.rename(beside, path)
                sync(path.parent)
                break
    if (path / MARKER).exists() and (old / MARKER).exists():
        _remove(old)
    _remove_left_over(old)


def _remove_left_over(path: pathlib.Path) -> None:
    if left_over(path):
        _log.warning("%s: left by a run that was ended; it is removed", path)
        _remove(path)


def _remove(path: pathlib.Path) -> None:
    """Remove a run's directory so that what is left of it, if this is ended too, is still known as one."""
    if (path / MARKER).exists():
        os.unlink(path / MARKER)
    known = (MANIFEST, WORK)
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name in known:
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
    if (path / WORK).is_dir():
        empty_work(path)
    shutil.rmtree(path)
