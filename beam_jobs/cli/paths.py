"""What can be said of the paths in settings without reading what is there: missing, taken, of another kind.

A path with `://` is an address of another filesystem, which Beam looks at later; here all of them pass.
"""

import glob
import os
from collections.abc import Sequence

from models.registry.standing import check_directory
from schemas.artifacts.making import check_place, check_writable
from schemas.errors import InputError


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
        check_place(path, kind)


def check_registry(path: str) -> None:
    """Raise for a registry of this machine that is not there, and for a path that is none."""
    if not is_remote(path):
        check_directory(path)


def check_new_registry(path: str) -> None:
    """Raise `ArtifactError` if no registry can be written there, new or not."""
    if not is_remote(path):
        check_writable(path)
