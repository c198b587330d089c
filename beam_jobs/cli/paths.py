"""What can be said of the paths in settings without reading what is there: missing, taken, of another kind.

An address of another filesystem is looked at later, by Beam; here all of them pass, but for outputs that only a disk
can have. Raw files are looked for by the verbs that read them (`raw_files.finding`).
"""

import os

from models.registry.standing import check_directory
from models.training import work_folder
from schemas.address import is_remote
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import check_place, check_writable
from schemas.errors import InputError, UsageError


def check_file(path: str) -> None:
    """Raise `InputError` for a file that is not there."""
    if os.path.isdir(path):
        raise InputError(f"{path}: a directory, wanted a file")
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file")


def check_output(path: str, kind: str) -> None:
    """Raise `ArtifactError` if a new artifact of a kind cannot be made there: taken, or nothing may be written.

    Raises `UsageError` for an address: who makes such artifacts writes them on a disk.
    """
    if is_remote(path):
        raise UsageError(f"{path}: an address, wanted a directory of this machine; copy what is made there afterwards")
    check_place(path, kind)


def check_candidate_output(path: str) -> None:
    """Raise as `check_output` does, of a training, which goes on where one that was killed has left its output."""
    if is_remote(path):
        check_output(path, ArtifactKind.CANDIDATE)
    work_folder.check_output(path)


def check_run_output(path: str, kind: str, existing: str) -> None:
    """Raise as `check_output` does, of a run that writes to addresses too.

    What is there already is the verb's to look at if it is not simply refused.
    """
    if not is_remote(path) and (existing == "refuse" or not os.path.lexists(path)):
        check_place(path, kind)


def check_registry(path: str) -> None:
    """Raise for a registry of this machine that is not there, and for a path that is none."""
    if not is_remote(path):
        check_directory(path)


def check_new_registry(path: str) -> None:
    """Raise `ArtifactError` if no registry can be written there, new or not."""
    if not is_remote(path):
        check_writable(path)
