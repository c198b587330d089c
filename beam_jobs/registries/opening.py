"""A registry opened by its path or address, and a bundle of one as plain values."""

import dataclasses
import pathlib
import threading

from beam_jobs.registries.copied_registry import CopiedRegistry
from beam_jobs.registries.kept_registry import KeptCopy, KeptRegistry
from models.registry.registry import Registry
from schemas.address import is_remote
from schemas.artifacts.signature import TrustedKeys


def open_registry(
    registry: str,
    trusted: TrustedKeys | None = None,
    kept: KeptCopy | None = None,
    stop: threading.Event | None = None,
) -> Registry:
    """Return the registry at a path of this machine, or at an address such as gs://bucket/registry.

    With `trusted`, bundles that none of these keys signed are refused. With `kept`, a registry that is away is waited
    for, until `stop` is set, and what served here last stands for it.
    """
    if kept is not None:
        return KeptRegistry(registry, trusted, kept, stop)
    return CopiedRegistry(registry, trusted) if is_remote(registry) or trusted is not None else Registry(registry)


@dataclasses.dataclass(frozen=True)
class BundleReference:
    """A bundle of a registry and who must have signed it; plain values that travel to workers."""

    registry: str
    bundle: str
    trusted: TrustedKeys | None = None

    def path(self) -> pathlib.Path:
        """Return its directory on this machine; raises `ArtifactError` if it is not to be used."""
        return open_registry(self.registry, self.trusted).bundle_path(self.bundle)
