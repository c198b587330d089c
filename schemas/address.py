"""Whether something is named by a path of this machine or by an address of another filesystem, which Beam knows."""

import re

_ADDRESS = re.compile(r"\s*[a-zA-Z][-a-zA-Z0-9+.]*://")  # as Beam's FileSystems tells addresses, which takes a second


def is_remote(path: str) -> bool:
    """Say whether it is an address, rather than a path of this machine.

    >>> is_remote("gs://models/registry"), is_remote("work/registry"), is_remote("runs/://odd")
    (True, False, False)
    """
    return _ADDRESS.match(path) is not None
