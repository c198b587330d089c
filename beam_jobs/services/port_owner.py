"""Who listens on a port of this machine, as far as this user may see. Imports the standard library only."""

import contextlib
import os
import pathlib

from beam_jobs.services.background_process import words_of

_LISTENS = "0A"  # a socket's state in /proc/net/tcp


def owner(port: int) -> str | None:
    """Return who listens on a port, "process 4711 (java)"; None if nobody does, or it is another user's."""
    sockets = _listening(port)
    for folder in pathlib.Path("/proc").glob("[0-9]*/fd") if sockets else ():
        with contextlib.suppress(OSError):  # another user's, or it has just ended
            if any(os.readlink(entry) in sockets for entry in folder.iterdir()):
                return _described(int(folder.parent.name))
    return None


def _listening(port: int) -> set[str]:
    """Return the sockets that listen on a port, as the links in /proc name them."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def _described(pid: int) -> str:
    """Return a process by its program alone: the rest of a command line may hold secrets."""
    words = [os.fsdecode(word) for word in words_of(pid)]
    for word in words:
        folder, _, name = word.rpartition("/")
        if name == "server.properties" and "kafka.Kafka" in words:
            return f"the Kafka of {folder}, process {pid}"
    return f"process {pid} ({os.path.basename(words[0]) or 'unknown'})"
