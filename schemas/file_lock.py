"""Waiting for a file's lock (flock), in a way that can be given up.

A lock belongs to the open file: it ends when that is closed, or its process ends. Imports the standard library only.
"""

import contextlib
import fcntl
import math
import pathlib
import threading
from collections.abc import Iterator

_PAUSE_S = 0.05


def lock_within(file: int, seconds: float, stop: threading.Event | None = None) -> bool:
    """Lock an open file for its process alone; returns False after so many seconds, or once `stop` is set.

    A lock that is free is taken even then. Raises `OSError` if the filesystem has no locks.
    """
    pause = stop or threading.Event()
    for _ in range(max(1, math.ceil(seconds / _PAUSE_S))):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if pause.wait(_PAUSE_S):
                return False
    return False


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Iterator[None]:
    """Hold the lock of a file, made if need be, while the block runs; waits for it as long as another holds it."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
