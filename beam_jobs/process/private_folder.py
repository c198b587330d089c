"""Folders for the files of one process, removed when it ends; what a killed one leaves, the next one removes."""

import atexit
import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile

_HELD = ".held"  # is locked as long as the process, or one forked from it, lives


def private_folder(prefix: str) -> pathlib.Path:
    """Return a new folder among the temporary ones that only this user may enter.

    It is removed when the process ends. Folders of the prefix whose process was killed before that are removed now.
    """
    _remove_left_over(prefix)
    made = pathlib.Path(tempfile.mkdtemp(prefix=f".{prefix}"))
    held = os.open(made / _HELD, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)  # never closed: the lock ends with the process
    fcntl.flock(held, fcntl.LOCK_EX)
    folder = made.with_name(made.name.removeprefix("."))  # others look for it only once it is held
    made.rename(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _remove_left_over(prefix: str) -> None:
    for folder in pathlib.Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with contextlib.suppress(OSError):  # another user's, held, or removed meanwhile
            if folder.lstat().st_uid == os.getuid():
                with open(folder / _HELD) as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
