"""The child process of `trial`: does one piece of work after the other until the channel closes.

It says "ready", "began", and "done" or the class and first line of what was raised. What it must not do is outlive the
process that asked: a thread sees the other end close, and an alarm that needs no Python ends work that keeps Python's
lock.
"""

import contextlib
import importlib
import os
import pickle
import resource
import select
import signal
import sys
import tempfile
import threading
from multiprocessing.connection import Connection

_GRACE_S = 10.0
_LONGEST = 1_000


def main() -> None:
    """Serve the other end of a channel; given are its descriptor, a folder for files, and modules to import."""
    _, _, descriptor, tempfile.tempdir, *modules = sys.argv
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump takes seconds
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):  # to all of a service, and no fault of what is tried
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # if memory runs out, this process goes first
    channel: Connection = Connection(int(descriptor))
    threading.Thread(target=end_with_parent, args=(channel.fileno(),), daemon=True).start()
    for module in modules:
        importlib.import_module(module)  # so that it is no part of a trial's time
    try:
        channel.send_bytes(b"ready")
        while True:
            _serve(channel)
    except (EOFError, OSError):
        return


def _serve(channel: Connection) -> None:
    request = channel.recv_bytes()
    channel.send_bytes(b"began")
    try:
        deadline_s, work, arguments = pickle.loads(request)
        signal.setitimer(signal.ITIMER_REAL, deadline_s + _GRACE_S)
        work(*arguments)
    except Exception as error:
        kind = "OSError" if isinstance(error, OSError) else type(error).__name__
        lines = str(error).strip().splitlines() or ["no reason given"]
        answer = f"{kind}: {lines[0][:_LONGEST]}"
    else:
        answer = "done"
    signal.setitimer(signal.ITIMER_REAL, 0)
    channel.send_bytes(answer.encode("utf-8", "backslashreplace"))


def end_with_parent(descriptor: int) -> None:
    """Wait until the other end of a channel is closed, then end this process, whatever it does."""
    looked_at = select.poll()
    looked_at.register(descriptor, 0)  # nothing but its end is asked for
    looked_at.poll()
    os._exit(1)
