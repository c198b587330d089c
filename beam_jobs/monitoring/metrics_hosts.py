"""Whether a request names this machine, by its Host header: the guard against DNS rebinding.

A page of the web may have its own name resolved to an address of ours and then read what is served there, as if it were
its own; the browser then says that name. It cannot say an address or a name that is ours.
"""

import ipaddress
import re
import socket

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@?#\s]+)(?::[0-9]{1,5})?")
_LOCAL = "localhost"


class OwnHosts:
    """The names that are this machine's: localhost, its host name, and what the server was bound to; any IP address.

    >>> own = OwnHosts("metrics.internal")
    >>> [own.has(host) for host in ("localhost:9464", "10.1.2.3:9464", "[::1]:80", "metrics.internal", "evil.example")]
    [True, True, True, True, False]
    """

    def __init__(self, bound_to: str):
        names = {_LOCAL, bound_to, socket.gethostname()}
        self._names = {_plain(name) for name in names if name}

    def has(self, host: str) -> bool:
        """Say whether a Host header names this machine."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].removeprefix("[").removesuffix("]")
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return _plain(name) in self._names
        return True


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")
