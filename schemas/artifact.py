"""Artifact directories: written once, the marker last, every file named with its sha256 in the manifest.

A training set, a candidate and a bundle are artifacts. A writer fills a directory and calls `complete`; a reader
calls `open_artifact`, which refuses a directory without the marker, and `verify` to compare every byte.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from schemas import fingerprint
from schemas.errors import ArtifactError

MANIFEST = "manifest.json"
MARKER = "COMPLETED"


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A completed directory and its manifest."""

    path: pathlib.Path
    manifest: Mapping[str, Any]

    def verify(self) -> None:
        """Compare every file with the manifest; raises `ArtifactError` for the first missing, extra or altered one."""
        wanted = self.manifest["files"]
        found = _files(self.path)
        for name in sorted(set(wanted) | set(found)):
            if name not in found:
                raise ArtifactError(f"{self.path / name}: missing, the manifest names it; copy the directory again")
            if name not in wanted:
                raise ArtifactError(f"{self.path / name}: not in the manifest; remove it or copy the directory again")
            if _entry(self.path / name) != wanted[name]:
                raise ArtifactError(f"{self.path / name}: its bytes are not those in the manifest; copy it again")


def create(path: str | pathlib.Path, kind: str) -> pathlib.Path:
    """Make the directory of a new artifact; raises `ArtifactError` where a completed one or any file already is."""
    path = check_free(path, kind)
    path.mkdir(parents=True, exist_ok=True)
    return path


def check_free(path: str | pathlib.Path, kind: str) -> pathlib.Path:
    """Raise `ArtifactError` where `create` would; make nothing."""
    path = pathlib.Path(path)
    if path.exists() and not path.is_dir():
        raise ArtifactError(f"{path}: a file, wanted a directory for the new {kind}; choose another name")
    if (path / MARKER).exists():
        raise ArtifactError(f"{path}: already a completed {kind}; choose another directory")
    if path.is_dir() and any(path.iterdir()):
        raise ArtifactError(f"{path}: not empty and no completed {kind}; remove it or choose another directory")
    return path


def complete(path: pathlib.Path, kind: str, manifest: Mapping[str, Any]) -> Artifact:
    """Write the manifest with sha256 and size of every file in `path`, then the marker."""
    full = {"kind": kind, **manifest, "files": {name: _entry(path / name) for name in _files(path)}}
    (path / MANIFEST).write_text(json.dumps(full, indent=1, sort_keys=True) + "\n")
    _sync(path / MANIFEST)
    (path / MARKER).write_text(fingerprint.of_file(path / MANIFEST) + "\n")
    _sync(path / MARKER)
    return Artifact(path, full)


def open_artifact(path: str | pathlib.Path, kind: str) -> Artifact:
    """Read a completed artifact of a kind and check its manifest's bytes; raises `ArtifactError` for anything else."""
    path = pathlib.Path(path)
    if not path.is_dir():
        raise ArtifactError(f"{path}: no such {kind} directory")
    if not (path / MARKER).is_file():
        raise ArtifactError(f"{path}: not a completed {kind} (no {MARKER} file); its writer did not finish")
    try:
        data = (path / MANIFEST).read_bytes()
        manifest = json.loads(data)
    except (OSError, ValueError):
        raise ArtifactError(f"{path / MANIFEST}: missing or not JSON; copy the {kind} again") from None
    if fingerprint.of_bytes(data) != (path / MARKER).read_text().strip():
        raise ArtifactError(f"{path / MANIFEST}: altered since {MARKER} was written; copy the {kind} again")
    if manifest.get("kind") != kind:
        raise ArtifactError(f"{path}: a {manifest.get('kind')}, wanted a {kind}")
    return Artifact(path, manifest)


def content_id(manifest: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits made from the names and bytes of the artifact's files and its stated facts."""
    return fingerprint.of_json(manifest)[:12]


def _files(path: pathlib.Path) -> list[str]:
    names = (entry.relative_to(path).as_posix() for entry in path.rglob("*") if entry.is_file() or entry.is_symlink())
    return sorted(name for name in names if name not in (MANIFEST, MARKER))


def _entry(path: pathlib.Path) -> dict[str, Any]:
    if path.is_symlink():
        raise ArtifactError(f"{path}: a link; an artifact holds plain files only")
    return {"sha256": fingerprint.of_file(path), "size": path.stat().st_size}


def _sync(path: pathlib.Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
