"""The child process of `isolation`: makes the probe, then tries groups of values until the channel closes.

It says the number of each group before it begins, so that its death tells which one it was. It ends itself by an
alarm that needs no Python, in case the process that watches it is gone.
"""

import pickle
import resource
import signal
import sys
import tempfile
from multiprocessing.connection import Connection

_GRACE_S = 10.0


def main() -> None:
    """Serve the process at the other end of the channel, whose descriptor is the last argument, after a folder."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump takes seconds, and holds records
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    tempfile.tempdir = sys.argv[-2]
    channel: Connection = Connection(int(sys.argv[-1]))
    try:
        _serve(channel)
    except (EOFError, OSError):
        return


def _serve(channel: Connection) -> None:
    setup = channel.recv_bytes()
    try:
        make_probe, start_s, deadline_s = pickle.loads(setup)
        signal.setitimer(signal.ITIMER_REAL, start_s + _GRACE_S)
        probe = make_probe()
    except Exception as error:
        channel.send_bytes(f"{type(error).__name__}: {error}".encode())
        return
    channel.send_bytes(b"ready")
    while True:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, group in enumerate(pickle.loads(channel.recv_bytes())):
            channel.send_bytes(b"%d" % number)
            signal.setitimer(signal.ITIMER_REAL, deadline_s + _GRACE_S)
            try:
                probe(group)
            except Exception:  # no crash: the stream rejects the value with its reason
                continue
        channel.send_bytes(b"done")
