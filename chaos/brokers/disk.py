"""A small disk: a tmpfs of its own that is full as soon as it is told to be, and has room again."""

import os
import pathlib
import subprocess

from schemas.errors import ServiceError

_MEGABYTE = 1 << 20
_TRIES = 100  # what is written meanwhile takes what was about to be the end of the disk


class SmallDisk:
    """`folder` as a disk of `megabytes`, until closed. Raises `ServiceError` if nothing may be mounted.

    It takes memory for what is written to it only, and none to be full: its size is set to what is used.
    """

    def __init__(self, folder: pathlib.Path, megabytes: int):
        self.folder = folder
        self._bytes = megabytes * _MEGABYTE
        folder.mkdir(parents=True)
        done = self._mount(f"size={self._bytes},mode=0700", "-t", "tmpfs", "tmpfs")
        if done.returncode:
            raise ServiceError(
                f"{folder}: a small disk cannot be mounted ({done.stderr.strip()}); be root or in `unshare -rm`"
            )

    def fill(self) -> int:
        """Leave no room but in pages that files have already; returns the bytes in use."""
        for _ in range(_TRIES):
            state = os.statvfs(self.folder)
            used = max((state.f_blocks - state.f_bfree) * state.f_frsize, state.f_frsize)  # a size of 0 is no limit
            if not self._mount(f"remount,size={used}").returncode:
                return used
        raise AssertionError(f"{self.folder} does not get full")

    def make_room(self) -> None:
        """Let it have its size again."""
        done = self._mount(f"remount,size={self._bytes}")
        if done.returncode:
            raise AssertionError(f"{self.folder}: {done.stderr.strip()}")

    def close(self) -> None:
        """Take it away, with all that is on it, even from under a process that still uses it."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)

    def _mount(self, options: str, *what: str) -> subprocess.CompletedProcess:
        command = ["mount", "-o", options, *what, str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True, text=True)
