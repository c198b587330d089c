"""A run's output at an address of one of Beam's filesystems: free or taken, made, replaced, read back.

There no folder gets another name and no lock is held. Files get their names one by one, the manifest comes when all
have them and the marker after it: without the marker a set is none, for every reader. What has no marker is therefore
what a run has left that was ended, or one that runs elsewhere: it is removed only if a run is told to skip or rebuild,
and whoever began last has the output; the other one fails before it writes the marker.
"""

import contextlib
import dataclasses
import json
import logging
import pathlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from beam_jobs.file_runs.run_facts import check_same
from beam_jobs.file_runs.run_names import NEW, REFUSE, RUN, WORK
from beam_jobs.process.private_folder import private_folder
from beam_jobs.stored import files
from schemas.address import is_remote
from schemas.artifacts import artifact
from schemas.artifacts.artifact import MANIFEST, MARKER, Artifact, ArtifactKind
from schemas.errors import ArtifactError, InputError, OnegraphError

_OWNER = f"{WORK}/run"
_PATTERNS = "[*?"

_log = logging.getLogger(__name__)
_Settings = TypeVar("_Settings", bound=Any)


@dataclasses.dataclass(frozen=True)
class AddressedOutput:
    """An output that a run makes at an address; `owner` names the run."""

    address: str
    owner: str

    @property
    def work(self) -> str:
        """The folder of the run's files that have no name yet; no other run has had one of its name."""
        return f"{self.address}/{WORK}/{self.owner}"

    def publish(self, path: pathlib.Path) -> None:
        """Bring what is in a completed directory of this machine there: its files, the manifest, the marker."""
        sent = sorted(name for name in _files_of(path) if name not in (MANIFEST, MARKER))
        for name in sent:
            files.put(path / name, f"{self.address}/{name}")
        self.check_owner()
        files.put(path / MANIFEST, f"{self.address}/{MANIFEST}")
        files.remove_folder(f"{self.address}/{WORK}")
        files.put(path / MARKER, f"{self.address}/{MARKER}")

    def check_owner(self) -> None:
        """Raise `ArtifactError` if another run has taken the output meanwhile."""
        note = f"{self.address}/{_OWNER}"
        if not files.exists(note) or files.read(note) != self.owner.encode():
            raise ArtifactError(f"{self.address}: another run has begun to make it meanwhile; it is left to that one")


@contextlib.contextmanager
def making(output: str) -> Iterator[AddressedOutput]:
    """Have an output that is free be a run's within the block; if that raises, nothing of it is left."""
    made = AddressedOutput(_place(output), uuid.uuid4().hex)
    if files.below(made.address):
        raise ArtifactError(f"{made.address}: not empty; remove it or choose another address")
    files.write(f"{made.address}/{_OWNER}", made.owner.encode())
    try:
        yield made
    except BaseException:
        with contextlib.suppress(OnegraphError):
            made.check_owner()
            files.remove_folder(made.address)
        raise


def check_output(settings: Any, kind: str) -> None:
    """Raise as `existing.check_output` does; change nothing."""
    address = _place(settings.output)
    if settings.existing != REFUSE and _is_complete(address):
        opened(address, kind)
    elif settings.existing == REFUSE or not _is_a_runs(address):
        check_free(address, kind)


def check_free(output: str, kind: str) -> None:
    """Raise `ArtifactError` for an address where something is."""
    address = _place(output)
    if _is_complete(address):
        raise ArtifactError(f"{address}: already a completed {kind}; choose another address")
    if files.below(address):
        raise ArtifactError(f"{address}: not empty and no completed {kind}; remove it or choose another address")


def taken(settings: Any, kind: str, facts: Callable[[], dict[str, str]]) -> Artifact | None:
    """Return as `existing.taken` does. Of every file it is seen that it is there with its size."""
    address = _place(settings.output)
    _finish_replacing(address)
    if not _is_complete(address):
        return None
    found = opened(address, kind)
    check_same(found.manifest.get(RUN, {}), facts(), f"{address}: a completed {kind}")
    for name, entry in found.manifest["files"].items():
        if not files.exists(f"{address}/{name}") or files.size(f"{address}/{name}") != entry["size"]:
            raise ArtifactError(f"{address}/{name}: missing or altered; --existing rebuild replaces the {kind}")
    return found


@contextlib.contextmanager
def replaced(settings: _Settings) -> Iterator[_Settings]:
    """Yield as `existing.replaced` does: where a set is, the new one is made beside and takes its place at the end."""
    address = _place(settings.output)
    if settings.existing != REFUSE:
        _finish_replacing(address)
        _remove_left_over(address)
    if not _is_complete(address):
        yield dataclasses.replace(settings, output=address)
        return
    fresh = address + NEW
    if files.below(fresh):
        _remove(fresh)
    yield dataclasses.replace(settings, output=fresh)
    _take_place(fresh, address)


def opened(output: str, kind: str, names: Sequence[str] = ()) -> Artifact:
    """Return a completed artifact; of one at an address its manifest and these files are fetched, and no other."""
    if not is_remote(output):
        return artifact.open_artifact(output, kind)
    address = output.rstrip("/")
    folder = private_folder("onegraph-read-") / "artifact"
    folder.mkdir()
    for name in (MANIFEST, MARKER, *names):
        if files.exists(f"{address}/{name}"):
            (folder / name).write_bytes(files.read(f"{address}/{name}"))
    try:
        return artifact.open_artifact(folder, kind)
    except ArtifactError as error:
        raise ArtifactError(str(error).replace(str(folder), address)) from None


def _place(output: str) -> str:
    address = output.strip().rstrip("/")
    for letter in _PATTERNS:
        if letter in address:
            raise InputError(f"{address}: Beam reads {letter} as part of a pattern; choose another address")
    return address


def _is_complete(address: str) -> bool:
    return files.exists(f"{address}/{MARKER}")


def _is_a_runs(address: str) -> bool:
    """Say whether what is there without a marker is what a run makes or has left, maybe while it replaced it."""
    if files.exists(f"{address}/{_OWNER}") or _is_complete(address + NEW):
        return True
    manifest = _manifest(address)
    return manifest.get("kind") in [*ArtifactKind] and isinstance(manifest.get(RUN), dict)


def _manifest(address: str) -> Mapping[str, Any]:
    try:
        found = json.loads(files.read(f"{address}/{MANIFEST}"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _take_place(fresh: str, address: str) -> None:
    """Put a complete output in another one's place; begun again, it goes on where it was ended."""
    names = _manifest(fresh)["files"]
    if _is_complete(address):
        files.remove(f"{address}/{MARKER}")
    waiting = {name for name in names if files.exists(f"{fresh}/{name}")}
    moved = {f"{address}/{name}" for name in names if name not in waiting}
    if not moved:
        files.remove_folder(address)
    for old in files.below(address):
        if old not in moved and not any(path.startswith(f"{old}/") for path in moved):
            files.remove(old)
    for name in sorted(waiting):
        files.move(f"{fresh}/{name}", f"{address}/{name}")
    for name in (MANIFEST, MARKER):
        files.write(f"{address}/{name}", files.read(f"{fresh}/{name}"))
    _remove(fresh)


def _finish_replacing(address: str) -> None:
    """Set right what a run has left that was ended while a new output took the old one's place."""
    fresh = address + NEW
    if not _is_complete(fresh):
        return
    if not _is_complete(address):
        _log.warning("%s: left by a run that was ended; it is %s now", fresh, address)
        _take_place(fresh, address)
    elif _manifest(fresh) == _manifest(address):
        _remove(fresh)


def _remove_left_over(address: str) -> None:
    if not _is_complete(address) and files.below(address) and _is_a_runs(address):
        _log.warning("%s: left by a run that was ended; it is removed", address)
        _remove(address)


def _remove(address: str) -> None:
    """Remove an output so that what is left of it, if this is ended too, is still known as a run's."""
    files.remove(f"{address}/{MARKER}")
    known = (f"{address}/{MANIFEST}", f"{address}/{_OWNER}")
    for path in files.below(address):
        if path not in known:
            files.remove(path)
    files.remove_folder(address)


def _files_of(path: pathlib.Path) -> list[str]:
    return [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
