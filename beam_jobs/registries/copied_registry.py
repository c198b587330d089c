"""A registry whose bundles are read through a copy on this machine's disk, which only this process writes.

Graphs and models are loaded from files, so a bundle of a registry elsewhere, on any of Beam's filesystems, is copied
before it is used, once per process. So is one of this machine if signatures are asked for: then nothing can change
it between the check of its signature and its loading. Reading the pointer copies nothing, so that it is always quick.
"""

import contextlib
import os
import pathlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NoReturn

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from beam_jobs.process.private_folder import private_folder
from models.registry.pointer import LARGEST, LIVE_FILE, Pointer, read_live
from models.registry.registry import Registry
from schemas.address import is_remote
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.signature import TrustedKeys
from schemas.errors import ArtifactError, OnegraphError, ServiceError, UsageError
from schemas.plain_files import open_plain, sync

_BLOCK = 1024 * 1024


def _always_wanted() -> None:
    """The `still_wanted` of a caller that gave none."""


class CopiedRegistry(Registry):
    """The registry at `address`, read only: `live` reads the pointer there, `bundle_path` copies a bundle once.

    Raises `ServiceError` if the registry cannot be read or the copy cannot be written; the next call tries again,
    and nothing of an unfinished copy stays. The copy has a bundle only if it is complete, signed if that is asked
    for, and every byte is that of its manifest; `bundle_path` says what is wrong. `folder` is where copies lie, one of
    this process alone where not given.
    """

    def __init__(self, address: str, trusted: TrustedKeys | None = None, folder: pathlib.Path | None = None):
        super().__init__(folder or private_folder("onegraph-registry-"), trusted)
        self.name = self._address = address.rstrip("/")

    def live(self) -> Pointer | None:
        with self._reading():
            if not is_remote(self._address):
                return read_live(pathlib.Path(self._address))
            if not FileSystems.exists(f"{self._address}/{LIVE_FILE}"):
                return None
            text = self._read(f"{self._address}/{LIVE_FILE}", LARGEST + 1)
            return Pointer.from_text(text, f"{self._address}/{LIVE_FILE}")

    def standing(self) -> NoReturn:
        raise self._read_only()

    def release(self, *given: Any, **more: Any) -> NoReturn:
        raise self._read_only()

    def sign(self, *given: Any, **more: Any) -> NoReturn:
        raise self._read_only()

    def change(self, *given: Any, **more: Any) -> NoReturn:
        raise self._read_only()

    def _read_only(self) -> UsageError:
        return UsageError(
            f"{self._address}: is read through a copy here, which is not written to; write to the registry"
        )

    def bundle_path(self, bundle_id: str, still_wanted: Callable[[], object] | None = None) -> pathlib.Path:
        with self._reading():
            self._copy(bundle_id, still_wanted or _always_wanted)
        return super().bundle_path(bundle_id)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OnegraphError:
            raise
        except Exception as error:  # every filesystem has errors of its own
            raise ServiceError(
                f"{self._address}: not readable ({type(error).__name__}); check the address and the rights to it"
            ) from error

    def _copy(self, bundle: str, still_wanted: Callable[[], object]) -> None:
        source, target = f"{self._address}/bundles/{bundle}", self.path / "bundles" / bundle
        if target.exists() or pathlib.PurePath(bundle).name != bundle:
            return
        if not is_remote(self._address):  # said of the files that people know, and of those that are too many
            artifact.open_artifact(source, ArtifactKind.BUNDLE, self._trusted).verify(still_wanted)
        if not self._exists(f"{source}/{artifact.MARKER}"):
            return
        unfinished = target.with_name(f".unfinished-{uuid.uuid4().hex}")
        try:
            self._copy_files(source, unfinished, still_wanted)
            try:
                unfinished.rename(target)
                sync(target.parent)
            except OSError:  # another process that shares the folder was quicker
                if not target.exists():
                    raise
        except ArtifactError as error:
            raise ArtifactError(str(error).replace(str(unfinished), source)) from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _copy_files(self, source: str, folder: pathlib.Path, still_wanted: Callable[[], object]) -> None:
        for name in (artifact.MANIFEST, artifact.MARKER, artifact.SIGNATURES):
            if name != artifact.SIGNATURES or self._exists(f"{source}/{name}"):
                _write(folder / name, self._read(f"{source}/{name}", artifact.LARGEST + 1, still_wanted))
        opened = artifact.open_artifact(folder, ArtifactKind.BUNDLE, self._trusted)
        for name, entry in opened.manifest["files"].items():
            _write(folder / name, self._read(f"{source}/{name}", entry["size"] + 1, still_wanted))
        opened.verify(still_wanted)
        for path in (folder, *(one for one in folder.rglob("*") if one.is_dir())):
            sync(path)

    def _exists(self, name: str) -> bool:
        return FileSystems.exists(name) if is_remote(self._address) else os.path.exists(name)

    def _read(self, name: str, most: int, still_wanted: Callable[[], object] = _always_wanted) -> bytes:
        """Return a file's content, at most `most` bytes of it."""
        still_wanted()
        file: Any = _open(name) if is_remote(self._address) else open_plain(name)
        with file:
            content = bytearray()
            while len(content) < most and (block := file.read(min(_BLOCK, most - len(content)))):
                content += block
                still_wanted()
        return bytes(content)


def _open(name: str) -> BinaryIO:
    return FileSystems.open(name, compression_type=CompressionTypes.UNCOMPRESSED)


def _write(file: pathlib.Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        sync(file)
    except OSError as error:
        raise ServiceError(
            f"{file}: the copy of a bundle cannot be written: {error.strerror}; free that disk or set TMPDIR to "
            "another one"
        ) from None
