"""The address on which everything of ours listens unless people say otherwise, and its ports.

Imports the standard library only.
"""

import contextlib
import random
import socket
from collections.abc import Collection

HOST = "127.0.0.1"
_PORTS = 20_000, 32_000  # below the range that outgoing connections take theirs from


def listens(port: int, host: str = HOST) -> bool:
    """Say whether anything takes connections on a port."""
    with contextlib.suppress(OSError, OverflowError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def why_taken(port: int) -> str | None:
    """Return why a port of loopback cannot be listened on, None if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except (OSError, OverflowError) as error:
            return (getattr(error, "strerror", None) or str(error)).lower()
    return None


def free_port(others: Collection[int] = ()) -> int:
    """Return a port that nothing listens on now, and that is none of `others`."""
    while True:
        port = random.randrange(*_PORTS)
        if port not in others and why_taken(port) is None:
            return port
