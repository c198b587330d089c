"""A service's process that outlives the command that started it: a pid file, a log file, and proof that it is ours.

A pid alone proves nothing, it may have been used anew. A process counts as ours only while its command line holds
certain words, and is signalled through a handle that cannot come to mean another one.
"""

import contextlib
import os
import pathlib
import select
import signal
from collections.abc import Collection, Mapping


def spawn(
    command: list[str], log: pathlib.Path, pid_file: pathlib.Path, environment: Mapping[str, str] | None = None
) -> int:
    """Start a program (its path comes first) with its output appended to `log`; returns its pid.

    `environment` comes on top of this process's own.

    It gets a session of its own: Ctrl-C for the command that started it is not for the service. Its command line can be
    read when this returns; on a busy machine the kernel has it some time after the pid.
    """
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        pid = os.posix_spawn(
            command[0],
            command,
            os.environ | dict(environment or {}),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, out, 1),
                (os.POSIX_SPAWN_DUP2, out, 2),
            ],
            setsid=True,
        )
    finally:
        os.close(out)
    while not words_of(pid)[0] and not ended(pid, 1):
        pass
    pid_file.write_text(f"{pid}\n")
    return pid


def running(pid_file: pathlib.Path, words: Collection[str]) -> int | None:
    """Return the pid in the file if that process lives and its command line holds all the words."""
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return None
    return pid if {os.fsencode(word) for word in words} <= set(words_of(pid)) else None


def ended(pid: int, wait_ms: int) -> bool:
    """Wait for a process to end, at most `wait_ms`; returns whether it has."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return _readable(handle, wait_ms)
    finally:
        os.close(handle)


def end(pid_file: pathlib.Path, words: Collection[str], patience_s: float) -> bool:
    """End our process: SIGTERM, then SIGKILL after `patience_s`; returns whether there was one to end."""
    pid = running(pid_file, words)
    if pid is None:
        pid_file.unlink(missing_ok=True)
        return False
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            if running(pid_file, words) == pid:  # asked again now that the handle holds it
                signal.pidfd_send_signal(handle, signal.SIGTERM)
                if not _readable(handle, int(1000 * patience_s)):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    _readable(handle, 10_000)
        finally:
            os.close(handle)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    pid_file.unlink(missing_ok=True)
    return True


def words_of(pid: int) -> list[bytes]:
    """Return a process's command line in words; the first is empty if there is none, as in one that has ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return [b""]


def _readable(handle: int, wait_ms: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(wait_ms))
