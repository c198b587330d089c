"""Artifact directories: written once, the marker last, every file named with its sha256 in the manifest.

A training set, a candidate and a bundle are artifacts. A writer fills a directory and calls `complete`; a reader
calls `open_artifact`, which refuses a directory without the marker, and `verify` to compare every byte. Signatures may
be added at any time after: their file is the only one that the manifest does not have.
"""

import dataclasses
import enum
import hashlib
import json
import os
import pathlib
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from io import BufferedReader
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas import fingerprint
from schemas.address import check_here
from schemas.artifacts import signature
from schemas.artifacts.signature import Signer, TrustedKeys
from schemas.errors import ArtifactError
from schemas.plain_files import open_plain, parse_json, read_plain, sync, write_whole

MANIFEST = "manifest.json"
MARKER = "COMPLETED"
SIGNATURES = signature.FILE
LARGEST = 16 * 1024 * 1024
"""Bytes that a manifest may have; a marker and signatures have less."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DEEPEST = 32  # folders in one another
_BLOCK = 1024 * 1024


class ArtifactKind(enum.StrEnum):
    """What an artifact may be, as its manifest has it."""

    TRAINING_SET = "training_set"
    CANDIDATE = "candidate"
    EVALUATION = "evaluation"
    BUNDLE = "bundle"
    PREDICTIONS = "predictions"
    VALIDATION = "validation"
    CROSS_VALIDATION = "cross_validation"


def _always_wanted() -> None:
    """Let a comparison of files go on to its end."""


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A completed directory and its manifest; one that was read raises `ArtifactError` for a fact that it lacks."""

    path: pathlib.Path
    manifest: Mapping[str, Any]

    def fact(self, name: str, kind: type, of: type = object) -> Any:
        """Return a fact of the manifest; raises `ArtifactError` if it is missing, or no `kind`, or not one of `of`."""
        value = self.manifest[name]
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if not isinstance(value, kind) or not all(isinstance(part, of) for part in parts):
            wanted = f"a {kind.__name__}" + ("" if of is object else f" of {of.__name__}")
            raise ArtifactError(f"{self.path / MANIFEST}: {name!r} is not {wanted}; it was altered, copy it again")
        return value

    def verify(self, still_wanted: Callable[[], object] = _always_wanted) -> None:
        """Compare every file with the manifest; raises `ArtifactError` for the first missing, extra or altered one.

        `still_wanted` is called before every file and block, so that what it raises ends this.
        """
        wanted = self.manifest["files"]
        found = _files(self.path)
        for name in sorted(set(wanted) | set(found)):
            if name not in found:
                raise ArtifactError(f"{self.path / name}: missing, the manifest names it; copy the directory again")
            if name not in wanted:
                shown = name if name.isprintable() else repr(name)
                raise ArtifactError(f"{self.path}/{shown}: not in the manifest; remove it or copy the directory again")
            if not _is(self.path / name, wanted[name], still_wanted):
                raise ArtifactError(f"{self.path / name}: its bytes are not those in the manifest; copy it again")


def create(path: str | pathlib.Path, kind: str) -> pathlib.Path:
    """Make the directory of a new artifact; raises `ArtifactError` if a completed one or any file already is."""
    path = check_free(path, kind)
    path.mkdir(parents=True, exist_ok=True)
    return path


def check_free(path: str | pathlib.Path, kind: str) -> pathlib.Path:
    """Raise `ArtifactError` if `create` would; make nothing."""
    path = pathlib.Path(path)
    if path.exists() and not path.is_dir():
        raise ArtifactError(f"{path}: a file, wanted a directory for the new {kind}; choose another name")
    if (path / MARKER).exists():
        raise ArtifactError(f"{path}: already a completed {kind}; choose another directory")
    if path.is_dir() and any(path.iterdir()):
        raise ArtifactError(f"{path}: not empty and no completed {kind}; remove it or choose another directory")
    return path


def complete(
    path: pathlib.Path,
    kind: str,
    manifest: Mapping[str, Any],
    unfinished: pathlib.Path | None = None,
    elsewhere: Mapping[str, Mapping[str, Any]] | None = None,
) -> Artifact:
    """Write the manifest with sha256 and size of every file in `path`, then the marker; all is on the disk then.

    `unfinished`, a folder in it that says that its writer has not ended, is no part of it and goes before the marker.
    `elsewhere` has the entries of files that are the artifact's too, and are not here.
    """
    names = [name for name in _files(path) if unfinished is None or not (path / name).is_relative_to(unfinished)]
    full = {"kind": kind, **manifest, "files": {name: _entry(path / name) for name in names} | dict(elsewhere or {})}
    for folder in sorted({path, *((path / name).parent for name in names)}):
        sync(folder)
    data = (json.dumps(full, indent=1, sort_keys=True) + "\n").encode()
    write_whole(path / MANIFEST, data)
    if unfinished is not None:
        shutil.rmtree(unfinished)
    write_whole(path / MARKER, marker_of(data))
    return Artifact(path, full)


def open_artifact(path: str | pathlib.Path, kind: str, trusted: TrustedKeys | None = None) -> Artifact:
    """Read a completed artifact of a kind and check its manifest's bytes; raises `ArtifactError` for anything else.

    With `trusted`, one of these keys must have signed the manifest; that is looked at before anything is parsed.
    Raises `UsageError` for an address.
    """
    check_here(path)
    return _opened(pathlib.Path(path), kind, trusted)[0]


def kind_of(path: pathlib.Path) -> Any:
    """Return what kind of artifact a directory says to be; raises `ArtifactError` for what is no manifest."""
    return unmarked(path).get("kind")


def unmarked(path: pathlib.Path) -> Mapping[str, Any]:
    """Return what the manifest of a directory says, complete or not; raises `ArtifactError` for what is no manifest."""
    try:
        return _parsed(read_plain(path / MANIFEST, LARGEST), path)
    except FileNotFoundError:
        raise ArtifactError(f"{path / MANIFEST}: missing; copy the directory again") from None


def _opened(path: pathlib.Path, kind: str, trusted: TrustedKeys | None) -> tuple[Artifact, bytes]:
    if not path.is_dir():
        raise ArtifactError(f"{path}: no such {kind} directory")
    if not (path / MARKER).is_file():
        raise ArtifactError(f"{path}: not a completed {kind} (no {MARKER} file); its writer did not finish")
    try:
        data = read_plain(path / MANIFEST, LARGEST)
    except FileNotFoundError:
        raise ArtifactError(f"{path / MANIFEST}: missing; copy the {kind} again") from None
    if trusted is not None:
        trusted.check(signatures_of(path), data, str(path))
    manifest = _parsed(data, path)
    if read_plain(path / MARKER, LARGEST) != marker_of(data):
        raise ArtifactError(f"{path / MANIFEST}: altered since {MARKER} was written; copy the {kind} again")
    if manifest.get("kind") != kind:
        raise ArtifactError(f"{path}: {with_article(_word(manifest.get('kind')))}, wanted {with_article(kind)}")
    _check_files(manifest["files"], path)
    return Artifact(path, manifest), data


class _Facts(dict):
    """What a manifest says; others may have written it, so a missing fact is an error of the artifact, not of ours."""

    def __init__(self, value: Mapping[str, Any], where: pathlib.Path):
        super().__init__(value)
        self._where = where

    def __missing__(self, name: str) -> Any:
        raise ArtifactError(f"{self._where}: says nothing of {name!r}; it is of another version, or copy it again")


def _parsed(data: bytes, path: pathlib.Path) -> _Facts:
    try:
        value = parse_json(data)
    except ValueError as error:
        raise ArtifactError(f"{path / MANIFEST}: not JSON ({error}); copy the directory again") from None
    if not isinstance(value, dict):
        raise ArtifactError(f"{path / MANIFEST}: not an object with facts and files; copy the directory again")
    return _Facts(value, path / MANIFEST)


def _check_files(files: Any, path: pathlib.Path) -> None:
    if not isinstance(files, dict):
        raise ArtifactError(f"{path / MANIFEST}: its `files` are no object; copy the directory again")
    for name, entry in files.items():
        parts = pathlib.PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "/".join(parts) != name or not name.isprintable():
            raise ArtifactError(f"{path}: its manifest names a file outside it; release it again")
        said = (entry.get("sha256"), entry.get("size")) if isinstance(entry, dict) and len(entry) == 2 else (None, None)
        if not isinstance(said[0], str) or not _SHA256.fullmatch(said[0]) or type(said[1]) is not int or said[1] < 0:
            raise ArtifactError(f"{path / MANIFEST}: says no sha256 and size of {name!r}; copy the directory again")


def with_article(kind: str) -> str:
    """Return a kind of artifact as messages speak of one.

    >>> with_article("evaluation"), with_article("candidate")
    ('an evaluation', 'a candidate')
    """
    return f"{'an' if kind[:1] in tuple('aeiou') else 'a'} {kind}"


def _word(kind: Any) -> str:
    return kind if isinstance(kind, str) and kind.isidentifier() else "directory of no kind that is known"


def marker_of(manifest: bytes) -> bytes:
    """Return what the marker holds beside that manifest."""
    return f"{fingerprint.of_bytes(manifest)}\n".encode()


def sign(path: pathlib.Path, kind: str, content: str, key: Ed25519PrivateKey) -> None:
    """Add a key's signature to the artifact of this content id; every byte is compared before.

    One at a time: of two that add theirs at once, one may be lost.
    """
    manifest, before, _ = _signable(path, kind, content)
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex}")  # beside it: a reader must see no other file in it
    try:
        write_whole(unfinished, signature.with_signature(before, manifest, key))
        os.replace(unfinished, path / SIGNATURES)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync(path)


def check_signable(path: pathlib.Path, kind: str, content: str) -> tuple[Signer, ...]:
    """Return who signed an artifact so far; raises what `sign` would, every byte is compared."""
    return _signable(path, kind, content)[2]


def _signable(path: pathlib.Path, kind: str, content: str) -> tuple[bytes, bytes, tuple[Signer, ...]]:
    """Return the manifest, the file of signatures and whose they are."""
    opened, manifest = _opened(path, kind, None)
    opened.verify()
    if content_id(opened.manifest) != content:
        raise ArtifactError(f"{path}: its content is that of {content_id(opened.manifest)}, wanted {content}")
    before = signatures_of(path)
    return manifest, before, signature.signers(before, manifest, str(path))


def signers(path: pathlib.Path, trusted: TrustedKeys | None = None) -> tuple[Signer, ...]:
    """Return who signed an artifact, empty if it is not signed; those who are `trusted` have names.

    Raises `ArtifactError` for a signature that does not fit the manifest.
    """
    return signature.signers(signatures_of(path), read_plain(path / MANIFEST, LARGEST), str(path), trusted)


def signatures_of(path: pathlib.Path) -> bytes:
    """Return the content of an artifact's file of signatures, empty if it has none."""
    if (path / SIGNATURES).is_symlink():
        raise ArtifactError(f"{path / SIGNATURES}: no plain file; remove it and sign again")
    try:
        return read_plain(path / SIGNATURES, signature.LARGEST)
    except FileNotFoundError:
        return b""


def content_id(manifest: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits made from the names and bytes of the artifact's files and its stated facts."""
    return fingerprint.of_json(manifest)[:12]


def _files(path: pathlib.Path) -> list[str]:
    """Return the names of all that is below `path` and no folder, but for the three that say what an artifact is."""
    found: list[str] = []
    folders = [path]
    while folders:
        folder = folders.pop()
        if len(folder.parts) - len(path.parts) > _DEEPEST:
            raise ArtifactError(f"{folder}: over {_DEEPEST} folders deep, which no artifact is; remove it")
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(folder / entry.name)
                else:
                    found.append((folder / entry.name).relative_to(path).as_posix())
    return sorted(name for name in found if name not in (MANIFEST, MARKER, SIGNATURES))


def _open(path: pathlib.Path) -> BufferedReader:
    if path.is_symlink():
        raise ArtifactError(f"{path}: a link; an artifact holds plain files only")
    return open_plain(path)


def _entry(path: pathlib.Path) -> dict[str, Any]:
    with _open(path) as file:
        os.fsync(file.fileno())
        return {"sha256": _sha256(file), "size": os.fstat(file.fileno()).st_size}


def _is(path: pathlib.Path, entry: Mapping[str, Any], still_wanted: Callable[[], object]) -> bool:
    """Say whether a file has this size and sha256; one of another size is not read."""
    with _open(path) as file:
        return os.fstat(file.fileno()).st_size == entry["size"] and _sha256(file, still_wanted) == entry["sha256"]


def _sha256(file: BufferedReader, still_wanted: Callable[[], object] = _always_wanted) -> str:
    still_wanted()
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
        still_wanted()
    return digest.hexdigest()
