"""A registry on any of Beam's filesystems, followed through a copy on this machine's disk.

Graphs and models are loaded from files, so a bundle is copied before it is used, once per process. The pointer is
taken last: whoever sees it finds its bundles beside it.
"""

import atexit
import json
import os
import pathlib
import shutil
import tempfile

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from models.registry import LIVE, Pointer, Registry
from schemas import artifact
from schemas.errors import ArtifactError, ServiceError


def open_registry(place: str) -> Registry:
    """Return the registry at a path of this machine, or at an address such as gs://bucket/registry."""
    return RemoteRegistry(place) if is_remote(place) else Registry(place)


def is_remote(place: str) -> bool:
    """Say whether a place is an address rather than a path.

    >>> is_remote("gs://models/registry"), is_remote("work/registry")
    (True, False)
    """
    return FileSystems.get_scheme(place) is not None


def absolute(place: str) -> str:
    """Return a place as it is named from any working directory."""
    return place.rstrip("/") if is_remote(place) else os.path.abspath(place)


class RemoteRegistry(Registry):
    """Reads only; `live` looks at the remote pointer and copies the bundles that it names, those not yet here.

    Raises `ServiceError` where the place cannot be read; the next call tries again. A bundle that is not complete
    there is not copied: whoever follows the pointer refuses it, as in a registry on disk.
    """

    def __init__(self, place: str):
        folder = tempfile.mkdtemp(prefix="onegraph-registry-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)  # not earlier: its bundles are in use
        super().__init__(folder)
        self._place = place.rstrip("/")

    def live(self) -> Pointer | None:
        try:
            if not FileSystems.exists(f"{self._place}/{LIVE}"):
                return None
            text = _read(f"{self._place}/{LIVE}").decode()
            pointer = Pointer.from_text(text, f"{self._place}/{LIVE}")
            for bundle in pointer.variants.bundles:
                self._copy(bundle)
        except ArtifactError:
            raise
        except Exception as error:  # every filesystem has errors of its own
            raise ServiceError(
                f"{self._place}: not readable ({type(error).__name__}); check the address and the rights to it"
            ) from error
        return pointer

    def bundle_path(self, bundle_id: str) -> pathlib.Path:
        self._copy(bundle_id)
        return super().bundle_path(bundle_id)

    def _copy(self, bundle: str) -> None:
        source, target = f"{self._place}/bundles/{bundle}", self.path / "bundles" / bundle
        if target.exists() or pathlib.PurePath(bundle).name != bundle:
            return
        if not FileSystems.exists(f"{source}/{artifact.MARKER}"):
            return
        unfinished = target.with_name(f".unfinished-{bundle}")
        shutil.rmtree(unfinished, ignore_errors=True)
        manifest = json.loads(_read(f"{source}/{artifact.MANIFEST}"))
        for name in (*manifest["files"], artifact.MANIFEST, artifact.MARKER):
            file = unfinished / name
            if not file.resolve().is_relative_to(unfinished.resolve()):
                raise ArtifactError(f"{source}: its manifest names a file outside it; release it again")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_read(f"{source}/{name}"))
        unfinished.rename(target)


def _read(place: str) -> bytes:
    with FileSystems.open(place, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return file.read()
