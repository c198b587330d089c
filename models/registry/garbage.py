"""What a registry can do without: bundles that no generation names, and what a killed writer left.

A generation of the history is what a rollback can go back to; its bundles stay. Only who says how many of the newest
generations to keep gives the older ones up, and their bundles with them.
"""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator, Sequence

from models.registry.generations import Generations, locked
from models.registry.pointer import Pointer
from models.registry.registry import Registry
from models.registry.standing import BUNDLES, kind_of_artifact
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError
from schemas.plain_files import sync

YOUNG_S = 3600.0
"""Seconds since it was last written in which a folder may be the work of a release that goes on."""
_REMOVED = ".removed-"
_OF_WRITERS = (".unfinished-", _REMOVED)


@dataclasses.dataclass(frozen=True)
class Garbage:
    """What is not needed: generations by number, bundles by id, folders of killed writers by name; bytes of all.

    `kept` are the bundles that stay.
    """

    generations: tuple[int, ...]
    bundles: tuple[str, ...]
    leftovers: tuple[str, ...]
    bytes: int
    kept: tuple[str, ...]


def garbage(registry: Registry, now_s: float, generations: int | None = None) -> Garbage:
    """Return what could be removed at a time in seconds since 1970; `generations` are the newest to keep, None all.

    Raises `ArtifactError` if the pointer or a generation cannot be read: then nobody knows what is needed.
    """
    stands = registry.standing()
    live = stands.base()
    if stands.troubles:
        raise ArtifactError(f"{stands.troubles[0]}; nothing was removed: mend it or move it away first")
    kept = stands.history if generations is None else _newest(stands.history, live, generations)
    needed = {bundle for pointer in (live, *kept) for bundle in pointer.variants.bundles}
    numbers = {pointer.generation for pointer in (live, *kept)}
    old = [path for path in _folders(registry.path / BUNDLES) if now_s - _written_s(path) > YOUNG_S]
    leftovers = [path for path in old if path.name.startswith(_OF_WRITERS)]
    others = [path for path in old if not path.name.startswith(".") and path.name not in needed]
    bundles = [path for path in others if kind_of_artifact(path) == ArtifactKind.BUNDLE]
    return Garbage(
        tuple(one.generation for one in stands.history if one.generation not in numbers),
        tuple(path.name for path in bundles),
        tuple(path.name for path in leftovers),
        sum(_size(path) for path in (*bundles, *leftovers)),
        tuple(bundle for bundle in registry.bundles() if bundle not in {path.name for path in bundles}),
    )


def collect(registry: Registry, now_s: float, generations: int | None = None) -> Garbage:
    """Remove what `garbage` returns, and return it; no writer comes in between.

    Generations go first, then bundles, each renamed and then emptied: killed at any point, every generation that is
    left has its bundles, and the next call removes the rest.
    """
    with locked(registry.path):
        found = garbage(registry, now_s, generations)
        files = Generations(registry.path).files()
        for number in found.generations:
            files[number].unlink()
        if found.generations:
            sync(files[found.generations[0]].parent)
        folder = registry.path / BUNDLES
        gone = [folder / name for name in found.leftovers]
        for bundle in found.bundles:
            gone.append(folder / f"{_REMOVED}{uuid.uuid4().hex}")
            (folder / bundle).rename(gone[-1])
            os.utime(gone[-1])  # young again, so that no other collection takes it for a leftover meanwhile
        if gone:
            sync(folder)
    for path in gone:
        with contextlib.suppress(FileNotFoundError):  # another collection is quicker
            shutil.rmtree(path)
    return found


def _newest(history: Sequence[Pointer], live: Pointer, count: int) -> Sequence[Pointer]:
    """Return the newest generations of a history; that one that serves is one of them, wherever it stands."""
    others = [one for one in history if one.generation != live.generation]
    return others[len(others) - min(count - 1, len(others)) :]


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _written_s(path: pathlib.Path) -> float:
    """Return when something was last put into a folder, in seconds since 1970; its marker is the last of a bundle."""
    return max(one.stat().st_mtime for one in (path, path / artifact.MARKER) if one.exists())


def _size(path: pathlib.Path) -> int:
    return sum(file.lstat().st_size for file in _files(path))


def _files(path: pathlib.Path) -> Iterator[pathlib.Path]:
    for folder, _, names in os.walk(path):
        yield from (pathlib.Path(folder) / name for name in names)
