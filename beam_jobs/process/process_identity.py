"""Which process is meant: an id and the time when that process began, since ids are given out again."""

import hashlib
import os
import pathlib

_PROC = pathlib.Path("/proc")


def began(pid: int) -> int | None:
    """Return when a process began, in ticks since the machine's start, None if there is none or it has ended."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def command_line(pid: int) -> str | None:
    """Return a fingerprint of a process's command line, None if it cannot be seen.

    It tells two programs apart and keeps paths and addresses out of where it is written.
    """
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    return hashlib.sha256(words).hexdigest()[:16] if words else None


def has_ended(pid: int, since: int | None) -> bool:
    """Say whether the process that began at `since` has certainly ended.

    What cannot be seen counts as alive: `/proc` may hide the processes of other users.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # it is another user's
        pass
    fields = _stat(pid)
    return fields is not None and (fields[0] in "ZX" or since not in (None, int(fields[19])))


def _stat(pid: int) -> list[str] | None:
    """Return what `/proc` says of a process from its state on, None if it says nothing."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
