"""Whether something is named by a path of this machine or by an address of another filesystem, which Beam knows."""

import os
import re

from schemas.errors import UsageError

_ADDRESS = re.compile(r"\s*[a-zA-Z][-a-zA-Z0-9+.]*://")  # as Beam's FileSystems tells addresses, which takes a second


def is_remote(path: str) -> bool:
    """Say whether it is an address, rather than a path of this machine.

    >>> is_remote("gs://models/registry"), is_remote("work/registry"), is_remote("runs/://odd")
    (True, False, False)
    """
    return _ADDRESS.match(path) is not None


def check_here(path: str | os.PathLike[str]) -> None:
    """Raise `UsageError` for an address of what is read on this machine alone."""
    if is_remote(os.fspath(path)):
        raise UsageError(f"{path}: an address, wanted a directory of this machine; copy it here with all its files")
