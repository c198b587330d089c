"""What becomes of an output that is there already: refused, taken as it is, or replaced by a new run.

Half a directory is never seen under the output's name as a complete one: a new run is made beside the old directory and
takes its place when it is complete. What a run that was killed has left is known by the lock that nobody holds.
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

from beam_jobs.file_runs.run_facts import differing
from schemas.artifacts import artifact
from schemas.artifacts.artifact import MARKER, Artifact
from schemas.artifacts.making import check_place, check_writable
from schemas.errors import ArtifactError

REFUSE, SKIP, REBUILD = "refuse", "skip", "rebuild"
RUN = "run"
# The folder in a directory that is not complete, and the file in it that its run holds the lock of.
WORK, LOCK = "unfinished", "lock"

_log = logging.getLogger(__name__)
_Settings = TypeVar("_Settings", bound=Any)


def check_output(settings: Any, kind: str) -> None:
    """Raise `ArtifactError` if a run cannot write its output, by what `settings.existing` says; change nothing."""
    path = pathlib.Path(settings.output)
    if settings.existing != REFUSE and (path / MARKER).exists():
        artifact.open_artifact(path, kind)
        check_writable(path.absolute().parent)
    elif settings.existing == REFUSE or not left_over(path):
        check_place(path, kind)


def taken(settings: Any, kind: str, facts: Callable[[], dict[str, str]]) -> Artifact | None:
    """Return the output that is there already, if it is to be taken and was made of the same; None if a run is wanted.

    `facts` says of what, and is called if there is one. Raises `ArtifactError` for one that was made of something else.
    """
    path = pathlib.Path(settings.output)
    if settings.existing != SKIP or not (path / MARKER).exists():
        return None
    found = artifact.open_artifact(path, kind)
    made: dict[str, str] = found.manifest.get(RUN, {})
    others = differing(made, facts())
    if others:
        what = f"of other {', '.join(others)}" if made else "by a version that does not say of what"
        raise ArtifactError(f"{path}: a completed {kind} that was made {what}; --existing rebuild replaces it")
    found.verify()
    return found


@contextlib.contextmanager
def replaced(settings: _Settings) -> Iterator[_Settings]:
    """Yield the settings of a run whose directory gets the output's name, and takes its place, when the block ends."""
    path = pathlib.Path(settings.output)
    _remove_left_over(path)
    if not (path / MARKER).exists():
        yield settings
        return
    fresh, old = (path.with_name(f"{path.name}.onegraph-{word}") for word in ("new", "old"))
    for beside in (fresh, old):
        _remove_left_over(beside)
        if (beside / MARKER).exists():  # of a run that was ended between the two names
            shutil.rmtree(beside)
    yield dataclasses.replace(settings, output=str(fresh))
    os.rename(path, old)
    os.rename(fresh, path)
    shutil.rmtree(old)


def left_over(path: pathlib.Path) -> bool:
    """Say whether a directory is what a run has left that does not run any more."""
    if (path / MARKER).exists():
        return False
    try:
        lock = os.open(path / WORK / LOCK, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _remove_left_over(path: pathlib.Path) -> None:
    if left_over(path):
        _log.warning("%s: left by a run that was ended; it is removed", path)
        shutil.rmtree(path)
