"""A run's output at an address of one of Beam's filesystems: what is there, made, read back.

There no folder gets another name and no lock is held. Files get their names one by one, the manifest comes when all
have them and the marker after it: without the marker a set is none, for every reader. What has no marker is therefore
what a run has left that was ended, or one that runs elsewhere: it is removed only if a run is told to skip or rebuild,
and whoever began last has the output; the other one fails before it writes the marker.
`addressed_existing` has what becomes of an output that is there.
"""

import contextlib
import dataclasses
import json
import pathlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beam_jobs.file_runs.run_names import NEW, RUN, WORK
from beam_jobs.process.private_folder import private_folder
from beam_jobs.stored import files
from schemas.address import is_remote
from schemas.artifacts import artifact
from schemas.artifacts.artifact import MANIFEST, MARKER, Artifact, ArtifactKind
from schemas.errors import ArtifactError, InputError, OnegraphError

OWNER = f"{WORK}/run"
"""The file that names the run which an output, or its way to its place, is left to."""
_PATTERNS = "[*?"
_WORK_OF_ONE = re.compile(rf"{WORK}/[0-9a-f]{{32}}(/|$)")


@dataclasses.dataclass(frozen=True)
class AddressedOutput:
    """An output that a run makes at an address; `owner` names the run."""

    address: str
    owner: str

    @property
    def work(self) -> str:
        """The folder of the run's files that have no name yet; no other run has had one of its name."""
        return f"{self.address}/{WORK}/{self.owner}"

    def begin(self) -> None:
        """Say that the output is this run's from now on."""
        files.write(f"{self.address}/{OWNER}", self.owner.encode())

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
        with contextlib.suppress(FileNotFoundError):
            if files.read(f"{self.address}/{OWNER}") == self.owner.encode():
                return
        raise begun_by_another(self.address)


@contextlib.contextmanager
def making(output: str) -> Iterator[AddressedOutput]:
    """Have an output that is free be a run's within the block; if that raises, nothing of it is left."""
    made = AddressedOutput(place(output), uuid.uuid4().hex)
    check_replaced(made.address)
    if files.below(made.address):
        raise ArtifactError(f"{made.address}: not empty; remove it or choose another address")
    made.begin()
    try:
        yield made
    except BaseException:
        with contextlib.suppress(OnegraphError):
            made.check_owner()
            files.remove_folder(made.address)
        raise


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


def place(output: str) -> str:
    """Return the address that an output names; raises `InputError` for a pattern."""
    address = output.strip().rstrip("/")
    for letter in _PATTERNS:
        if letter in address:
            raise InputError(f"{address}: Beam reads {letter} as part of a pattern; choose another address")
    return address


def is_complete(address: str) -> bool:
    """Say whether an output has its marker."""
    return files.exists(f"{address}/{MARKER}")


def is_a_runs(address: str) -> bool:
    """Say whether what is there without a marker is what a run makes or has left, maybe while it replaced it."""
    if files.exists(f"{address}/{OWNER}") or is_complete(address + NEW):
        return True
    manifest = manifest_at(address)
    if manifest.get("kind") in [*ArtifactKind] and isinstance(manifest.get(RUN), dict):
        return True
    found = files.below(address)
    if found == [f"{address}/{WORK}"]:
        found = files.below(found[0])
    # workers that went on after their run had failed
    return bool(found) and all(_WORK_OF_ONE.match(path.removeprefix(f"{address}/")) for path in found)


def manifest_at(address: str) -> Mapping[str, Any]:
    """Return the manifest that is there, complete or not; empty if there is none."""
    try:
        found = json.loads(files.read(f"{address}/{MANIFEST}"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def missing(address: str, entries: Mapping[str, Any]) -> Iterator[str]:
    """Yield those of a manifest's files that are not at an address with their size."""
    for name, entry in entries.items():
        path = f"{address}/{name}"
        if not files.exists(path) or files.size(path) != entry["size"]:
            yield name


def begun_by_another(address: str) -> ArtifactError:
    """Return what a run ends with that has lost its output to another one."""
    return ArtifactError(f"{address}: another run has begun to make it meanwhile; it is left to that one")


def check_replaced(address: str) -> None:
    """Raise `ArtifactError` where a complete output waits beside to take the place of what was here."""
    if is_complete(address + NEW):
        raise ArtifactError(
            f"{address}: a run was ended while it replaced this; --existing skip or rebuild finishes it"
        )


def remove(address: str) -> None:
    """Remove an output so that what is left of it, if this is ended too, is still known as a run's."""
    files.remove(f"{address}/{MARKER}")
    known = (f"{address}/{MANIFEST}", f"{address}/{OWNER}")
    for path in files.below(address):
        if path not in known:
            files.remove(path)
    files.remove_folder(address)


def _files_of(path: pathlib.Path) -> list[str]:
    return [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
