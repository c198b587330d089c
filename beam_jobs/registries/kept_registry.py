"""A registry that may be away when a process starts: it is waited for, then what served here last serves.

The copy lies in a folder of the user's own choice on this machine's disk, where it outlives the process; several
processes may share it. A running job needs none of this: it goes on with what it has loaded.
"""

import contextlib
import dataclasses
import hashlib
import logging
import os
import pathlib
import shutil
import stat
import threading
import time
import uuid
from collections.abc import Callable

from beam_jobs.registries.copied_registry import CopiedRegistry
from beam_jobs.registries.registry_address import absolute
from models.live.live import Change
from models.registry.pointer import LIVE_FILE, Pointer, read_live
from models.registry.registry import Registry
from models.registry.standing import BUNDLES
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.signature import TrustedKeys
from schemas.errors import ArtifactError, InputError, ServiceError
from schemas.plain_files import write_beside

_LOOK_S = 1.0
_LETTERS = 12
_YOUNG_S = 3600.0  # another process that shares the folder may be about to load a bundle that was copied since

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class KeptCopy:
    """Where what served last is kept, and how many seconds a registry that is away is waited for. Plain values."""

    folder: str
    wait_s: float


class KeptRegistry(CopiedRegistry):
    """The registry at `address`, whose bundles are copied into a folder that stays, a part of it for each address.

    `released` waits for a registry that cannot be read, until `stop` is set at most, and then returns the pointer that
    was kept, with a warning; without one it raises what was wrong. Raises `InputError` for a folder that others may
    write to.
    """

    def __init__(self, address: str, trusted: TrustedKeys | None, kept: KeptCopy, stop: threading.Event | None = None):
        super().__init__(address, trusted, _own_folder(kept.folder, address))
        self._wait_s, self._stop = kept.wait_s, stop or threading.Event()

    def released(self) -> Pointer:
        ends, told = time.monotonic() + self._wait_s, False
        while True:
            try:
                return super().released()
            except (ServiceError, ArtifactError, OSError) as error:
                if time.monotonic() >= ends or self._stop.is_set():
                    return self._kept_pointer(error)
                if not told:
                    _log.warning("%s; waiting for it, %g s at most", error, self._wait_s)
                    told = True
            self._stop.wait(min(_LOOK_S, max(ends - time.monotonic(), 0)))

    def keep(self, pointer: Pointer) -> None:
        """Remember that a pointer serves, and remove copies of bundles that it does not name, if they are old."""
        try:
            os.replace(write_beside(self.path / LIVE_FILE, pointer.text().encode()), self.path / LIVE_FILE)
        except OSError as error:
            _log.warning("%s: what serves now cannot be kept: %s", self.path, error.strerror)
            return
        for path in (self.path / BUNDLES).iterdir():
            with contextlib.suppress(OSError):
                if path.name not in pointer.variants.bundles and time.time() - path.stat().st_mtime > _YOUNG_S:
                    shutil.rmtree(path)

    def _copy(self, bundle: str, still_wanted: Callable[[], object]) -> None:
        """Copy a bundle that is not there, and one that is damaged anew, as long as the registry can be read."""
        target = self.path / BUNDLES / bundle
        if not self._has(bundle):
            super()._copy(bundle, still_wanted)
            return
        try:
            artifact.open_artifact(target, ArtifactKind.BUNDLE, self._trusted).verify(still_wanted)
        except ArtifactError as damage:
            self._copy_anew(bundle, still_wanted, damage)

    def _copy_anew(self, bundle: str, still_wanted: Callable[[], object], damage: ArtifactError) -> None:
        """Replace a damaged copy; if that cannot be, it is put back and `damage` raised."""
        target = self.path / BUNDLES / bundle
        moved = target.with_name(f".damaged-{uuid.uuid4().hex}")
        target.rename(moved)
        try:
            with contextlib.suppress(ServiceError, ArtifactError, OSError):
                super()._copy(bundle, still_wanted)
            if not target.exists():
                raise damage
            _log.warning("%s: damaged, copied anew", target)
        finally:
            if not target.exists():
                moved.rename(target)
            shutil.rmtree(moved, ignore_errors=True)

    def _kept_pointer(self, error: Exception) -> Pointer:
        pointer = read_live(self.path)
        if pointer is None:
            raise error
        _log.warning(
            "%s; generation %d, which served here last, serves from %s until the registry is back",
            str(error).partition(";")[0],
            pointer.generation,
            self.path,
        )
        return pointer


def keeping(registry: Registry, on_change: Callable[[Change], None]) -> Callable[[Change], None]:
    """Return a listener that keeps what serves, if the registry can, and tells another listener."""
    if not isinstance(registry, KeptRegistry):
        return on_change

    def keep_and_tell(change: Change) -> None:
        if change.served and change.pointer is not None:
            registry.keep(change.pointer)
        on_change(change)

    return keep_and_tell


def _own_folder(name: str, address: str) -> pathlib.Path:
    folder = pathlib.Path(name)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise InputError(
            f"--registry-copy {folder}: cannot be made, {error.strerror}; name a folder on a local disk"
        ) from None
    if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise InputError(f"--registry-copy {folder}: others may write to it, wanted a folder of this user alone")
    own = folder / hashlib.sha256(absolute(address).encode()).hexdigest()[:_LETTERS]
    try:
        (own / BUNDLES).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--registry-copy {own}: cannot be made, {error.strerror}") from None
    return own
