"""Where a registry is: a path of this machine, or an address of another filesystem that Beam knows."""

import os

from models.registry.pointer import LIVE_FILE
from schemas.address import is_remote
from schemas.errors import UsageError


def absolute(registry: str) -> str:
    """Return a registry's address or path as it is named from any working directory."""
    return registry.rstrip("/") if is_remote(registry) else os.path.abspath(registry)


def check_local(registry: str) -> None:
    """Raise `UsageError` for a registry at an address, which is read by jobs alone."""
    if is_remote(registry):
        raise UsageError(
            f"{registry}: an address, wanted a directory of this machine; copy the registry here to look into it"
        )


def check_writable(registry: str) -> None:
    """Raise `UsageError` for a registry at an address: it cannot be locked, so two writers would undo one another."""
    if is_remote(registry):
        raise UsageError(
            f"{registry}: a registry at an address can be read but not written, since it cannot be locked; write to a "
            f"directory and copy that there, bundles first and {LIVE_FILE} last"
        )
