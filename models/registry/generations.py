"""The generations of a registry: one file each, made whole and once, and the lock of the writer of the next one."""

import contextlib
import errno
import os
import pathlib
import re
import stat
from collections.abc import Iterator

from models.registry.pointer import LAST_GENERATION, LIVE_FILE, Pointer, read_pointer
from schemas.errors import ArtifactError
from schemas.file_lock import lock_within
from schemas.plain_files import sync, write_beside

FOLDER = "history"

_LOCK = ".lock"
_NAME = re.compile(r"0*([1-9][0-9]{0,8})\.json")
_PATIENCE_S = 60
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


class Generations:
    """The folder `history/` of a registry and the pointer that the newest of them becomes."""

    def __init__(self, registry: pathlib.Path):
        self._registry = registry
        self._folder = registry / FOLDER

    def files(self) -> dict[int, pathlib.Path]:
        """Return the file of every generation that was begun, oldest first, whatever is in it."""
        if not self._folder.is_dir():
            return {}
        named = ((_NAME.fullmatch(path.name), path) for path in self._folder.iterdir())
        return dict(sorted((int(name[1]), path) for name, path in named if name is not None))

    def next_number(self, live: Pointer | None) -> int:
        """Return the number of the next generation: none that was ever begun has it, nor the live one."""
        begun = [*self.files(), *([live.generation] if live is not None else [])]
        return 1 + max((number for number in begun if number < LAST_GENERATION), default=0)

    def read(self) -> tuple[list[Pointer], list[str]]:
        """Return every generation that can be read, oldest first, and what is wrong with each of the others."""
        found, troubles = [], []
        for number, path in self.files().items():
            try:
                pointer = read_pointer(path)
                if pointer is not None and pointer.generation != number:
                    raise ArtifactError(f"{path}: holds generation {pointer.generation}; remove it")
            except (ArtifactError, OSError) as error:
                # A pointer's own advice is for live.json.
                troubles.append(f"{str(error).partition(';')[0]}; left out, its number is not given again")
            else:
                found += [pointer] if pointer is not None else []
        return found, troubles

    def write(self, pointer: Pointer) -> None:
        """Make this generation and let it be the live one, under `locked`.

        Stopped at any point, it leaves a registry that can be read and written: nothing of it, or the generation
        in the history and the old one live, or all of it. Raises `ArtifactError` if the generation is there already.
        """
        self._folder.mkdir(exist_ok=True)
        data = pointer.text().encode()
        path = self._folder / f"{pointer.generation:06d}.json"
        live = write_beside(self._registry / LIVE_FILE, data)  # a disk that is full says so before anything is made
        try:
            _make(path, data)
        except OSError as error:
            live.unlink(missing_ok=True)
            if not isinstance(error, FileExistsError):
                raise
            raise ArtifactError(
                f"{self._registry}: generation {pointer.generation} was written by somebody else just now; run it again"
            ) from None
        sync(self._folder)
        if (self._registry / LIVE_FILE).is_dir() and not (self._registry / LIVE_FILE).is_symlink():
            (self._registry / LIVE_FILE).rename(live.with_name(f"{live.name}-folder-{pointer.generation}"))
        os.replace(live, self._registry / LIVE_FILE)
        sync(self._registry)


@contextlib.contextmanager
def locked(registry: pathlib.Path, patience_s: float = _PATIENCE_S) -> Iterator[None]:
    """Hold the lock of a registry; others on this machine, and over NFS on others, wait.

    Raises `ArtifactError` if its filesystem has no locks, or another one holds it for `patience_s`.
    """
    path = registry / _LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise ArtifactError(f"{path}: no plain file; remove it") from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ArtifactError(f"{path}: no plain file; remove it")
        _lock(handle, registry, patience_s)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, registry: pathlib.Path, patience_s: float) -> None:
    try:
        if lock_within(handle, patience_s):
            return
    except OSError as error:
        raise ArtifactError(
            f"{registry}: cannot be locked ({error.strerror}), so two writers could undo one another; write to a "
            "registry on a disk and copy it here"
        ) from None
    raise ArtifactError(f"{registry}: somebody else has been writing to it for {patience_s:g} s; run it again later")


def _make(path: pathlib.Path, data: bytes) -> None:
    """Make a file that is not there, whole or not at all; raises `FileExistsError` if it is."""
    unfinished = write_beside(path, data)
    try:
        os.link(unfinished, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))  # the name is ours now
        try:
            os.replace(unfinished, path)
        except OSError:
            path.unlink()
            raise
    finally:
        unfinished.unlink(missing_ok=True)
