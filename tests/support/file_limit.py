"""A machine without a descriptor left: every file that is opened meanwhile really fails."""

import contextlib
import os
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def no_file_can_be_opened() -> Iterator[None]:
    """Let this process open nothing more until the block ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
