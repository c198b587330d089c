"""What can be said of the paths in settings without reading what is there: missing, taken, of another kind.

A path with `://` is an address of another filesystem, which Beam looks at later; here all of them pass.
"""

import glob
import os
import pathlib
from collections.abc import Sequence

from models.registry.pointer import LIVE_FILE
from schemas.artifacts import artifact
from schemas.errors import ArtifactError, InputError


def is_remote(path: str) -> bool:
    """Say whether a path is an address of another filesystem."""
    return "://" in path


def check_data(patterns: Sequence[str]) -> None:
    """Raise `InputError` for a pattern that matches nothing here, and for one that matches a directory."""
    for pattern in patterns:
        if is_remote(pattern):
            continue
        if os.path.isdir(pattern):
            raise InputError(f"{pattern}: a directory, wanted files; give a pattern, such as '{pattern.rstrip('/')}/*'")
        # `**` stands for more in Beam's patterns than in Python's.
        if not (os.path.lexists(pattern) or "**" in pattern or any(True for _ in glob.iglob(pattern))):
            raise InputError(f"{pattern}: no such file; check the path or quote the pattern")


def check_file(path: str) -> None:
    """Raise `InputError` for a file that is not there."""
    if os.path.isdir(path):
        raise InputError(f"{path}: a directory, wanted a file")
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file")


def check_output(path: str, kind: str) -> None:
    """Raise `ArtifactError` if a new artifact of a kind cannot be made there: taken, or nothing may be written."""
    if not is_remote(path):
        artifact.check_free(path, kind)
        check_writable(path)


def check_writable(path: str) -> None:
    """Raise `ArtifactError` if nothing may be written at a path of this machine, whether or not it is there yet."""
    place = pathlib.Path(path).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise ArtifactError(f"{path}: {place} is a file, wanted a directory; choose another place")
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        raise ArtifactError(f"{path}: {place} may not be written to; choose another place")


def check_registry(path: str) -> None:
    """Raise for a registry of this machine that is not there, and for a directory that is none."""
    if is_remote(path):
        return
    here = pathlib.Path(path)
    if not here.is_dir():
        raise InputError(f"{path}: no such registry directory; `onegraph release` makes one")
    if not any((here / name).exists() for name in (LIVE_FILE, "history", "bundles")):
        raise ArtifactError(
            f"{path}: not a registry, has neither {LIVE_FILE} nor bundles; `onegraph release` makes one"
        )


def check_new_registry(path: str) -> None:
    """Raise `ArtifactError` if no registry can be written there, new or not."""
    if not is_remote(path):
        check_writable(path)
