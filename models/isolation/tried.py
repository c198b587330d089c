"""Which bundles have been tried on this machine: an empty file each, named by what was tried with which libraries.

A bundle that a process of this user has loaded and scored with before need not be tried in a child again, so that a
restart is as quick as the loading. Workers that start at once try it one after the other: the first does, the others
find that it was done.
"""

import contextlib
import importlib.metadata
import os
import pathlib
import pickle
import platform
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from models.families.table.choice import family_of
from schemas import fingerprint
from schemas.file_lock import lock_within

_PATIENCE_S = 120.0
_LOCK = ".lock"
_LIBRARIES = ("numpy", "pyarrow", "tensorflow")


class TriedBundles:
    """What was tried and survived; in a folder that is this user's alone, or if there is none, in memory.

    Another process that tries a bundle is waited for up to `patience_s`.
    """

    def __init__(self, folder: pathlib.Path | None = None, patience_s: float = _PATIENCE_S):
        self._folder, self._patience_s = folder, patience_s
        self._names: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._names or (self._folder is not None and (self._folder / name).exists())

    def add(self, name: str) -> None:
        """Remember it; if the folder cannot be written to, for as long as this process lives."""
        self._names.add(name)
        if self._folder is not None:
            with contextlib.suppress(OSError):
                (self._folder / name).touch(mode=0o600)

    @contextlib.contextmanager
    def in_turn(self, ended: threading.Event) -> Iterator[None]:
        """Wait until no other process of this user tries a bundle, or `ended` is set; let none until the block ends.

        One that takes too long, since it was stopped, is not waited for.
        """
        if self._folder is None:
            yield
            return
        with contextlib.ExitStack() as held:
            try:
                lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                held.callback(os.close, lock)
                lock_within(lock, self._patience_s, ended)
            except OSError:
                pass  # then each for itself
            yield


def name_of(manifest: Mapping[str, Any], family: str, check: Any) -> str:
    """Return what names a bundle of this manifest, and so of these bytes, tried with a check and these libraries.

    Those of the model's family are among the libraries.
    """
    checked = fingerprint.of_bytes(pickle.dumps(check))
    libraries = [importlib.metadata.version(name) for name in _LIBRARIES]  # not asked themselves: an import takes long
    versions = [platform.python_version(), *libraries, *family_of(family).versions().values()]
    return fingerprint.of_json([fingerprint.of_json(manifest), checked, versions])
