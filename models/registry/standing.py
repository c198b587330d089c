"""How a registry stands, and who would serve after a release or a rollback."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

from models.registry.generations import FOLDER
from models.registry.pointer import LIVE_FILE, Origin, Override, Pointer
from models.variants.variants import CHAMPION, Variants
from schemas.address import is_remote
from schemas.artifacts import artifact
from schemas.artifacts.artifact import with_article
from schemas.errors import ArtifactError, InputError
from schemas.nearest import nearest

BUNDLES = "bundles"
NEW = "(new)"
"""Stands for a bundle that is not made yet."""

_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Standing:
    """How a registry stands: the pointer to go on from, every generation that can be read, and what cannot be.

    The pointer is the live one (`live`) or, if that is missing or cannot be read, the newest of the history.
    """

    registry: str
    pointer: Pointer | None
    live: bool
    history: list[Pointer]
    troubles: list[str]

    def base(self) -> Pointer:
        """Return the pointer to go on from; raises `ArtifactError` if nothing was ever released."""
        if self.pointer is None:
            raise nothing_released(self.registry, self.troubles)
        return self.pointer

    def champion_besides(self, bundle: str) -> str | None:
        """Return the champion, None if there is none or it is this bundle."""
        champion = self.pointer.champion if self.pointer is not None else None
        return None if champion == bundle else champion

    def overrides(self) -> dict[str, Override]:
        """Return of every bundle that served though its gates said no who wanted that, the last time it was said."""
        return {bundle: one for pointer in self._pointers() for bundle, one in pointer.overrides.items()}

    def origins(self) -> dict[str, Origin]:
        """Return of every bundle that served which release brought it in, the last one if there were several."""
        return {bundle: one for pointer in self._pointers() for bundle, one in pointer.origins.items()}

    def _pointers(self) -> list[Pointer]:
        return [*self.history, *([self.pointer] if self.pointer is not None else [])]

    def joined(self, bundle: str, role: str, weight: float = 0.0, experiment: str | None = None) -> Variants:
        """Return who serves if a bundle gets a role now, whatever it was; raises `InputError` if that cannot be."""
        variants = Variants(bundle) if self.pointer is None and role == CHAMPION else self.base().variants
        if experiment is not None:
            variants = dataclasses.replace(variants, experiment=experiment)
        return variants.joined_by(bundle, role, weight)

    def back(self, to: str | None) -> Variants:
        """Return who serves after a rollback to a champion, or to the variants before the present ones."""
        live = self.base()
        if to is not None:
            if self.live and to == live.champion:
                raise InputError(f"{self.registry}: bundle {to} is the champion already")
            return [Variants(to), *(one.variants for one in self.history if one.champion == to)][-1]
        earlier = [one.variants for one in _served_before(live, self.history) if one.variants != live.variants]
        if not earlier:
            raise InputError(
                f"{self.registry}: champion {live.champion} has no predecessor, no generation before "
                f"{live.generation} had others; release another candidate first, or name a bundle with --to"
            )
        return earlier[0]

    def champions_text(self) -> str:
        """Return for people who was champion and in which generations, the newest first."""
        generations: dict[str, list[int]] = {}
        for one in reversed(self.history):
            generations.setdefault(one.champion, []).append(one.generation)
        shown = [f"{bundle} ({', '.join(map(str, found[:3]))})" for bundle, found in generations.items()]
        return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")


def nothing_released(registry: str, troubles: Sequence[str] = ()) -> ArtifactError:
    """Return the error of a registry in which nothing was released; it says what is at its path instead."""
    why = "; ".join(troubles) or (f"no {LIVE_FILE}" if is_remote(registry) else _found(pathlib.Path(registry)))
    return ArtifactError(f"{registry}: no bundle is released here ({why}); run `onegraph release` first")


def check_directory(registry: str) -> None:
    """Raise for a path at which nothing is a registry: `InputError` for no directory, `ArtifactError` for another."""
    path = pathlib.Path(registry)
    if not path.is_dir():
        what = no_directory(path)
        wanted = "" if what.endswith("?") else ", wanted a registry; `onegraph release` makes one"
        raise InputError(f"{registry}: {what}{wanted}")
    if any((path / name).exists() for name in (LIVE_FILE, FOLDER, BUNDLES)):
        return
    if (kind := kind_of_artifact(path)) is not None:
        raise ArtifactError(f"{registry}: {with_article(kind)}, wanted a registry")
    raise ArtifactError(
        f"{registry}: not a registry, has neither {LIVE_FILE} nor {BUNDLES}; `onegraph release` makes one"
    )


def no_directory(path: pathlib.Path) -> str:
    """Return what stands at a path that is no directory, or which registry beside it may have been meant."""
    if path.exists():
        return "a file"
    try:
        beside = [one.name for one in path.absolute().parent.iterdir() if (one / LIVE_FILE).is_file()]
    except OSError:
        beside = []
    near = nearest(path.name, beside)
    return "no such directory" + ("" if near is None else f", did you mean {path.parent / near}?")


def kind_of_artifact(path: pathlib.Path) -> str | None:
    """Return what kind of artifact a directory is that a registry is looked for in, None if it is none."""
    try:
        kind = artifact.kind_of(path)
    except (ArtifactError, OSError):
        return None
    return kind if isinstance(kind, str) and kind.isidentifier() else None


def _found(path: pathlib.Path) -> str:
    if not path.is_dir():
        return no_directory(path)
    if (kind := kind_of_artifact(path)) is not None:
        return f"{with_article(kind)}, wanted a registry"
    return f"no {LIVE_FILE}" if (path / BUNDLES).is_dir() else f"neither {LIVE_FILE} nor {BUNDLES}/ in it"


def _served_before(live: Pointer, history: Sequence[Pointer]) -> Iterator[Pointer]:
    """Yield the generations that served before a live one, newest first.

    One whose writer was stopped is in the history and never served: nothing came after it. If a generation does not
    say after which one it came, or that one cannot be read, all before it in the history count, newest first.
    """
    by_number = {one.generation: one for one in history}
    at = live
    while at.after is not None and at.after < at.generation and at.after in by_number:
        at = by_number[at.after]
        yield at
    # a forged pointer is not in the history, whatever its number: all there came before it
    yield from reversed(history[: history.index(at)] if at in history else list(history))
