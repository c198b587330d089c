"""What can be said of the paths in settings without reading what is there: missing, taken, of another kind.

An address of another filesystem is looked at later, by Beam; here all of them pass. Raw files are looked for by the
verbs that read them (`raw_files.finding`).
"""

import os
import pathlib

from models.registry.pointer import LIVE_FILE
from schemas.address import is_remote
from schemas.artifacts.making import check_place
from schemas.errors import ArtifactError, InputError


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
