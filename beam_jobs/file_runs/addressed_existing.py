"""What becomes of an output that is at an address already: refused, taken as it is, or replaced by a new run.

A new output is made beside and moved when it is complete, file by file, which others see and which may be ended: a
complete one that waits beside is never removed, the next run that is told to skip or rebuild takes it to its place.
"""

import contextlib
import dataclasses
import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from beam_jobs.file_runs.addressed_output import (
    OWNER,
    AddressedOutput,
    begun_by_another,
    check_replaced,
    is_a_runs,
    is_complete,
    manifest_at,
    missing,
    opened,
    place,
    remove,
)
from beam_jobs.file_runs.run_facts import check_same
from beam_jobs.file_runs.run_names import NEW, REFUSE, RUN
from beam_jobs.stored import files
from schemas.artifacts import artifact
from schemas.artifacts.artifact import MANIFEST, MARKER, Artifact
from schemas.errors import ArtifactError, ServiceError

_log = logging.getLogger(__name__)
_Settings = TypeVar("_Settings", bound=Any)


def check_output(settings: Any, kind: str) -> None:
    """Raise as `existing.check_output` does; change nothing."""
    address = place(settings.output)
    complete = is_complete(address)
    if settings.existing != REFUSE and complete:
        opened(address, kind)
    elif complete or not is_a_runs(address):
        check_free(address, kind)
    elif settings.existing == REFUSE:
        check_replaced(address)
        raise ArtifactError(
            f"{address}: not empty and no completed {kind}, a run was ended here or goes on; "
            "--existing rebuild begins anew, or choose another address"
        )


def check_free(output: str, kind: str) -> None:
    """Raise `ArtifactError` for an address where something is, or is to come from beside it."""
    address = place(output)
    if is_complete(address):
        raise ArtifactError(f"{address}: already a completed {kind}; choose another address")
    check_replaced(address)
    if files.below(address):
        raise ArtifactError(f"{address}: not empty and no completed {kind}; remove it or choose another address")


def taken(settings: Any, kind: str, facts: Callable[[], dict[str, str]]) -> Artifact | None:
    """Return as `existing.taken` does. Of every file it is seen that it is there with its size."""
    address = place(settings.output)
    _finish_replacing(address)
    if not is_complete(address):
        return None
    found = opened(address, kind)
    check_same(found.manifest.get(RUN, {}), facts(), f"{address}: a completed {kind}")
    for name in missing(address, found.manifest["files"]):
        raise ArtifactError(f"{address}/{name}: missing or altered; --existing rebuild replaces the {kind}")
    return found


@contextlib.contextmanager
def replaced(settings: _Settings) -> Iterator[_Settings]:
    """Yield as `existing.replaced` does: where a set is, the new one is made beside and takes its place at the end."""
    address = place(settings.output)
    if settings.existing != REFUSE:
        _finish_replacing(address)
        _remove_left_over(address)
    if settings.existing == REFUSE or not is_complete(address):
        yield dataclasses.replace(settings, output=address)
        return
    fresh = address + NEW
    _remove_left_over(fresh)
    yield dataclasses.replace(settings, output=fresh)
    _take_place(fresh, address)


def _take_place(fresh: str, address: str) -> None:
    """Put a complete output in another one's place; begun again, it goes on where it was ended.

    It is this process's to do until another one begins to, which then finishes it.
    """
    if not (is_complete(fresh) and manifest_at(fresh)):
        raise begun_by_another(fresh)
    moving, old = AddressedOutput(fresh, uuid.uuid4().hex), manifest_at(address)
    moving.begin()
    try:
        _move_all(moving, address)
        moving.check_owner()
    except (FileNotFoundError, KeyError):
        _set_right(address, old)
        raise begun_by_another(fresh) from None
    except ArtifactError:
        _set_right(address, old)
        raise
    _remove_moved(fresh)


def _move_all(moving: AddressedOutput, address: str) -> None:
    fresh = moving.address
    last = {name: files.read(f"{fresh}/{name}") for name in (MANIFEST, MARKER)}
    entries = json.loads(last[MANIFEST])["files"]
    waiting = {name for name in entries if files.exists(f"{fresh}/{name}")}
    moved = {name: entry for name, entry in entries.items() if name not in waiting}
    replacing = is_complete(address)  # then nothing has been moved yet
    lost = list(moved if replacing else missing(address, moved))
    moving.check_owner()
    for name in lost:
        cure = fresh if replacing else f"{fresh} and {address}"
        raise ArtifactError(f"{fresh}/{name}: lost, so it cannot replace {address}; remove {cure} and run again")
    files.remove(f"{address}/{MARKER}")
    moving.check_owner()
    _remove_but(address, {f"{address}/{name}" for name in moved})
    for name in sorted(waiting):
        moving.check_owner()
        _move(fresh, address, name)
    lost = list(missing(address, entries))
    moving.check_owner()
    for name in lost:
        raise ArtifactError(f"{address}/{name}: lost while files moved; remove {fresh} and {address} and run again")
    for name, data in last.items():
        files.write(f"{address}/{name}", data)


def _set_right(address: str, old: Mapping[str, Any]) -> None:
    """Undo what the last step has done to the output of another run that came within it.

    What lacks a file has no marker then, and what is whole, and not the `old` output, has its own.
    """
    manifest = manifest_at(address)
    if not manifest or any(missing(address, manifest["files"])):
        files.remove(f"{address}/{MARKER}")
    elif manifest != old:
        files.write(f"{address}/{MARKER}", artifact.marker_of(files.read(f"{address}/{MANIFEST}")))


def _remove_but(address: str, moved: set[str]) -> None:
    """Remove what is at an address but the files that have been moved there."""
    if not moved:
        files.remove_folder(address)
        return
    for path in files.below(address):
        if path not in moved and not any(name.startswith(f"{path}/") for name in moved):
            files.remove(path)


def _move(fresh: str, address: str, name: str) -> None:
    try:
        files.move(f"{fresh}/{name}", f"{address}/{name}")
    except (ServiceError, FileNotFoundError):
        if files.exists(f"{fresh}/{name}") or not files.exists(f"{address}/{name}"):
            raise  # else another run that is told the same has just moved it


def _finish_replacing(address: str) -> None:
    """Set right what a run has left that was ended while a new output took the old one's place."""
    fresh = address + NEW
    manifest = manifest_at(fresh)
    if not manifest:
        return
    complete, placed = is_complete(fresh), is_complete(address) and manifest_at(address) == manifest
    if placed and not (complete and any(missing(address, manifest["files"]))):
        _remove_moved(fresh)
    elif complete:
        _log.warning("%s: left by a run that was ended; it is %s now", fresh, address)
        _take_place(fresh, address)


def _remove_moved(fresh: str) -> None:
    """Remove what is left of an output that has been moved; the manifest is the last to go and says so."""
    files.remove(f"{fresh}/{OWNER}")
    remove(fresh)


def _remove_left_over(address: str) -> None:
    if not is_complete(address) and files.below(address) and is_a_runs(address):
        _log.warning("%s: left by a run that was ended; it is removed", address)
        remove(address)
