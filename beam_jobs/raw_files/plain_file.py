"""One file opened for reading: on a disk a plain file, which is watched for changes; elsewhere through Beam."""

import dataclasses
import os
import stat
from types import TracebackType
from typing import Any, Self

from schemas.address import is_remote
from schemas.errors import InputError

_KINDS = {
    stat.S_IFDIR: "a directory, wanted files; give a pattern, such as '{}/*'",
    stat.S_IFIFO: "a pipe, wanted a plain file, which is read twice; write what comes out of it into one",
    stat.S_IFSOCK: "a socket, wanted a plain file; write what comes out of it into one",
    stat.S_IFCHR: "a device, wanted a plain file",
    stat.S_IFBLK: "a device, wanted a plain file",
}


@dataclasses.dataclass
class _Tally:
    bytes_read: int = 0


_TALLY = _Tally()


def bytes_read() -> int:
    """Return how many bytes this process has read of raw files; what several threads read at once may count less."""
    return _TALLY.bytes_read


@dataclasses.dataclass(frozen=True)
class Stamp:
    """What of a file changes when somebody writes to it: its bytes, and when it was last written."""

    size: int
    written_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Self:
        """Return the stamp in what `os.stat` says."""
        return cls(found.st_size, found.st_mtime_ns)


class WatchedFile:
    """A file to read once to its end; `check` says whether it is still what it was.

    With `was`, the stamp that it had when it was found. Raises `InputError` for what cannot be opened, for a file on a
    disk that is none (a pipe, a device), which is never waited for, and for one that has changed.
    """

    def __init__(self, path: str, was: Stamp | None = None):
        self._path = path
        self._file: Any
        self._was = was
        try:
            if is_remote(path):
                from beam_jobs.raw_files.remote_files import open_remote

                self._file = open_remote(path)
            else:
                check_plain(path, os.stat(path))
                self._file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY), "rb")
                self._was = was or Stamp.of(os.fstat(self._file.fileno()))
        except OSError as error:
            raise unreadable(path, error) from None
        try:
            self.check()
        except InputError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._file.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._file.closed

    def read(self, size: int) -> bytes:
        """Return the next bytes, `size` at most; none at the end, where the file is compared with what it was."""
        try:
            data = self._file.read(size)
        except OSError as error:
            raise unreadable(self._path, error) from None
        if not data:
            self.check()
        _TALLY.bytes_read += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go on reading from there; returns where that is."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where the next bytes are read from."""
        return self._file.tell()

    def check(self) -> None:
        """Raise `InputError` if somebody has written to the file since it was found."""
        if self._was is None:
            return
        found = os.fstat(self._file.fileno())
        check_plain(self._path, found)
        now = Stamp.of(found)
        if now != self._was:
            raise InputError(
                f"{self._path}: changed while it was read: {now.size:,} bytes, were {self._was.size:,}; run again when "
                "nothing writes to it"
            )


def check_plain(path: str, found: os.stat_result) -> None:
    """Raise `InputError` for what `os.stat` says to be no plain file."""
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no plain file")
        raise InputError(f"{path}: {kind.format(path.rstrip('/'))}")


def unreadable(path: str, error: Exception) -> InputError:
    """Return what to raise for a file that the machine or the filesystem does not give."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
    return InputError(f"{path}: cannot be read: {said}")


def first_line(error: Exception) -> str:
    """Return what a filesystem says of an error, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
