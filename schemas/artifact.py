"""Artifact directories: written once, the marker last, every file named with its sha256 in the manifest.

A training set, a candidate and a bundle are artifacts. A writer fills a directory and calls `complete`; a reader
calls `open_artifact`, which refuses a directory without the marker, and `verify` to compare every byte. Signatures may
be added at any time after: their file is the only one that the manifest does not have.
"""

import dataclasses
import json
import os
import pathlib
import stat
import uuid
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas import fingerprint, signature
from schemas.errors import ArtifactError
from schemas.signature import Signer, TrustedKeys

MANIFEST = "manifest.json"
MARKER = "COMPLETED"
SIGNATURES = signature.FILE


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
    (path / MARKER).write_bytes(_marked((path / MANIFEST).read_bytes()))
    _sync(path / MARKER)
    return Artifact(path, full)


def open_artifact(path: str | pathlib.Path, kind: str, trusted: TrustedKeys | None = None) -> Artifact:
    """Read a completed artifact of a kind and check its manifest's bytes; raises `ArtifactError` for anything else.

    With `trusted`, one of these keys must have signed the manifest; that is looked at before anything is parsed.
    """
    return _opened(pathlib.Path(path), kind, trusted)[0]


def _opened(path: pathlib.Path, kind: str, trusted: TrustedKeys | None) -> tuple[Artifact, bytes]:
    if not path.is_dir():
        raise ArtifactError(f"{path}: no such {kind} directory")
    if not (path / MARKER).is_file():
        raise ArtifactError(f"{path}: not a completed {kind} (no {MARKER} file); its writer did not finish")
    try:
        data = (path / MANIFEST).read_bytes()
        if trusted is not None:
            trusted.check(signatures_of(path), data, str(path))
        manifest = json.loads(data)
    except (OSError, ValueError):
        raise ArtifactError(f"{path / MANIFEST}: missing or not JSON; copy the {kind} again") from None
    if (path / MARKER).read_bytes() != _marked(data):
        raise ArtifactError(f"{path / MANIFEST}: altered since {MARKER} was written; copy the {kind} again")
    if manifest.get("kind") != kind:
        raise ArtifactError(f"{path}: a {manifest.get('kind')}, wanted a {kind}")
    return Artifact(path, manifest), data


def _marked(manifest: bytes) -> bytes:
    """Return what the marker holds beside that manifest."""
    return f"{fingerprint.of_bytes(manifest)}\n".encode()


def sign(path: pathlib.Path, kind: str, content: str, key: Ed25519PrivateKey) -> None:
    """Add a key's signature to the artifact of this content id; every byte is compared before."""
    opened, manifest = _opened(path, kind, None)
    opened.verify()
    if content_id(opened.manifest) != content:
        raise ArtifactError(f"{path}: its content is that of {content_id(opened.manifest)}, wanted {content}")
    before = signatures_of(path)
    signature.signers(before, manifest, str(path))
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex}")  # beside it: a reader must see no other file in it
    unfinished.write_bytes(signature.with_signature(before, manifest, key))
    _sync(unfinished)
    os.replace(unfinished, path / SIGNATURES)


def signers(path: pathlib.Path, trusted: TrustedKeys | None = None) -> tuple[Signer, ...]:
    """Return who signed an artifact, nobody where it is not signed; those who are `trusted` have names.

    Raises `ArtifactError` for a signature that does not fit the manifest.
    """
    return signature.signers(signatures_of(path), (path / MANIFEST).read_bytes(), str(path), trusted)


def signatures_of(path: pathlib.Path) -> bytes:
    """Return the content of an artifact's file of signatures, empty where it has none."""
    try:
        if not stat.S_ISREG((path / SIGNATURES).lstat().st_mode):
            raise ArtifactError(f"{path / SIGNATURES}: no plain file; remove it and sign again")
        with open(path / SIGNATURES, "rb") as file:
            return file.read(signature.LARGEST + 1)
    except FileNotFoundError:
        return b""


def content_id(manifest: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits made from the names and bytes of the artifact's files and its stated facts."""
    return fingerprint.of_json(manifest)[:12]


def _files(path: pathlib.Path) -> list[str]:
    names = (entry.relative_to(path).as_posix() for entry in path.rglob("*") if entry.is_file() or entry.is_symlink())
    return sorted(name for name in names if name not in (MANIFEST, MARKER, SIGNATURES))


def _entry(path: pathlib.Path) -> dict[str, Any]:
    if path.is_symlink():
        raise ArtifactError(f"{path}: a link; an artifact holds plain files only")
    return {"sha256": fingerprint.of_file(path), "size": path.stat().st_size}


def _sync(path: pathlib.Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
