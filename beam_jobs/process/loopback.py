"""The address on which everything of ours listens unless people say otherwise, and its ports.

Imports the standard library only.
"""

import contextlib
import random
import socket

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


def free_port(in_a_row: int = 1) -> int:
    """Return a port that is nobody's, the first of so many; nobody else is given it while this process lives.

    A socket of this process stays bound to each of them, also while no server is there. It does not listen, and lets
    servers listen: they ask for addresses that are in use (SO_REUSEADDR), this function does not.
    """
    while True:
        first = random.randrange(_PORTS[0], _PORTS[1] - in_a_row + 1)
        with contextlib.suppress(OSError), contextlib.ExitStack() as bound:
            held = [bound.enter_context(socket.socket()) for _ in range(in_a_row)]
            for port, one in enumerate(held, first):
                one.bind((HOST, port))  # refused beside any other socket that is bound to it
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for one in held:
                one.detach()
            return first
