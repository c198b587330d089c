"""Files that are written on this machine and then are at their place: where that is a disk, they are written there.

Writers that append, or want a name of this machine, as TensorFlow's, so need not know where a file goes.
"""

import functools
import hashlib
import pathlib
import uuid

from beam_jobs.process.private_folder import private_folder
from beam_jobs.stored import files
from schemas.address import is_remote

_BLOCK = 1 << 20

Sent = tuple[str, int]
"""The sha256 and the bytes of a file that was sent to an address."""


class Outgoing:
    """A file to be at `path`; until it is finished it is `here`."""

    def __init__(self, path: str):
        self.path = path
        self._sends = is_remote(path)
        self.here = _folder() / uuid.uuid4().hex if self._sends else pathlib.Path(path)

    def finish(self) -> Sent | None:
        """Bring the closed file to its place, and tell its content if it is at an address now."""
        if not self._sends:
            return None
        with open(self.here, "rb") as file:
            sent = hashlib.file_digest(file, "sha256").hexdigest(), self.here.stat().st_size
        files.put(self.here, self.path)
        self.here.unlink()
        return sent


@functools.cache
def _folder() -> pathlib.Path:
    return private_folder("onegraph-outgoing-")
