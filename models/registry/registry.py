"""The registry: a directory of bundles, and one small pointer file that says which of them are live.

```
<registry>/bundles/<id>/          immutable, but for signatures that are added
<registry>/live.json              the pointer, replaced in one step
<registry>/history/000001.json    every generation of it
```
Release and rollback are the same act: write the next generation.
"""

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.registry.bundle import write_bundle
from models.registry.generations import Generations, locked
from models.registry.pointer import LIVE_FILE, Pointer, check_readable, read_live
from models.scoring.manifest import check_manifest
from models.variants.variants import CHAMPION, Variants
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.signature import TrustedKeys
from schemas.errors import ArtifactError, InputError

_log = logging.getLogger(__name__)


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
            raise _nothing_released(self.registry, self.troubles)
        return self.pointer


class Registry:
    """A registry directory; it need not exist before the first release.

    With `trusted`, a bundle that none of these keys signed is refused.
    """

    def __init__(self, path: str | pathlib.Path, trusted: TrustedKeys | None = None):
        self.path = pathlib.Path(path)
        self.name = str(path)
        self._trusted = trusted

    def live(self) -> Pointer | None:
        """Return the live pointer, or None if there is none; raises `ArtifactError` if it cannot be read."""
        return read_live(self.path)

    def standing(self) -> Standing:
        """Return how the registry stands, whatever is in it; raises `OSError` if the machine cannot look."""
        history, troubles = Generations(self.path).read()
        trouble = ""
        try:
            live = self.live()
        except (ArtifactError, PermissionError) as error:
            live, trouble = None, str(error).partition(";")[0]
        if live is not None:
            return Standing(self.name, live, True, history, troubles)
        if not history:
            return Standing(self.name, None, False, [], [trouble, *troubles] if trouble else troubles)
        newest = history[-1]
        said = trouble or f"{self.path / LIVE_FILE}: missing"
        said += f"; generation {newest.generation}, the newest of the history, stands for it"
        return Standing(self.name, newest, False, history, [said, *troubles])

    def released(self) -> Pointer:
        """Return the live pointer; raises `ArtifactError` if nothing was released."""
        pointer = self.live()
        if pointer is None:
            raise _nothing_released(self.name)
        return pointer

    def champion(self) -> pathlib.Path:
        """Return the champion's directory; raises `ArtifactError` if nothing was released."""
        return self.bundle_path(self.released().champion)

    def bundle_path(self, bundle_id: str, still_wanted: Callable[[], object] | None = None) -> pathlib.Path:
        """Return a bundle's directory; raises `ArtifactError` if it is missing, altered or not signed as wanted.

        `still_wanted` is called now and then if this takes long, so that what it raises ends it.
        """
        path = self.path / "bundles" / bundle_id
        if not bundle_id or pathlib.PurePath(bundle_id).name != bundle_id or not path.is_dir():
            raise ArtifactError(f"{self.name}: no bundle {bundle_id!r}; `onegraph registry list` shows those there are")
        found = artifact.content_id(artifact.open_artifact(path, ArtifactKind.BUNDLE, self._trusted).manifest)
        if found != bundle_id:
            raise ArtifactError(f"{path}: its content is that of bundle {found}; copy the registry again")
        return path

    def bundles(self) -> list[str]:
        """Return the ids of the complete bundles, sorted."""
        folder = self.path / "bundles"
        if not folder.is_dir():
            return []
        named = (path for path in folder.iterdir() if not path.name.startswith("."))
        return sorted(path.name for path in named if (path / artifact.MARKER).is_file())

    def history(self) -> list[Pointer]:
        """Return every generation that can be read, oldest first."""
        return Generations(self.path).read()[0]

    def release(
        self,
        candidate: str | pathlib.Path,
        who: str,
        when: str,
        why: str,
        role: str = CHAMPION,
        weight: float = 0.0,
        experiment: str | None = None,
        sign_key: Ed25519PrivateKey | None = None,
    ) -> Pointer:
        """Make the bundle of an evaluated candidate and let it serve in a role, `champion`, `challenger` or `shadow`.

        A new champion takes the old one's keys, challengers keep theirs. `weight` is a challenger's share of keys;
        a new name of the experiment deals all keys anew. `sign_key` signs the bundle before it serves.
        """
        _joined(self.standing(), "(new)", role, weight, experiment)  # before anything is written
        bundle = write_bundle(candidate, self.path / "bundles")
        if sign_key is not None:
            self.sign(bundle, sign_key)
        return self.change(lambda now: _joined(now, bundle, role, weight, experiment), who, when, why)

    def sign(self, bundle_id: str, key: Ed25519PrivateKey) -> None:
        """Add a key's signature to a bundle, every byte of which is compared before; its id stays."""
        path = self.bundle_path(bundle_id)
        with locked(self.path):
            artifact.sign(path, ArtifactKind.BUNDLE, bundle_id, key)

    def rollback(self, to: str | None, who: str, when: str, why: str) -> Pointer:
        """Let the variants of an earlier generation serve again, whole.

        Without `to` those of the newest generation before the live one that had others than it; with it those of the
        newest one with this champion, or this bundle alone if it never was champion. If the live pointer cannot
        be read, the newest generation of the history stands for it, and may be named by its champion too.
        """
        return self.change(lambda now: _back(now, to), who, when, why)

    def point_at(self, variants: Variants, who: str, when: str, why: str) -> Pointer:
        """Write the next generation with these variants, whichever serve now; raises what `change` does."""
        return self.change(lambda _: variants, who, when, why)

    def change(self, changed: Callable[[Standing], Variants], who: str, when: str, why: str) -> Pointer:
        """Write the next generation, with the variants that `changed` makes of how the registry stands.

        No other writer comes in between: several changes at once are made one after the other, each on top of the one
        before. Every byte of the bundles is compared first, and they must be of one use case. Raises `ArtifactError`
        if the registry cannot be locked, and what `changed` raises.
        """
        if not self.path.is_dir():
            raise _nothing_released(self.name)
        with locked(self.path):
            now = self.standing()
            for trouble in now.troubles:
                _log.warning("%s", trouble)
            variants = changed(now)
            self._check(variants)
            generations = Generations(self.path)
            number = generations.next_number(now.pointer)
            after = now.pointer.generation if now.pointer is not None else None
            pointer = Pointer(number, variants, who, when, why, after)
            check_readable(pointer)
            generations.write(pointer)
        return pointer

    def _check(self, variants: Variants) -> None:
        use_cases = {}
        for bundle in variants.bundles:
            opened = artifact.open_artifact(self.bundle_path(bundle), ArtifactKind.BUNDLE)
            check_manifest(opened.manifest, str(opened.path))
            opened.verify()
            use_cases[opened.manifest["use_case"]] = bundle
        if len(use_cases) > 1:
            raise InputError(f"{self.path}: use cases {', '.join(sorted(use_cases))} cannot serve together")


def _joined(now: Standing, bundle: str, role: str, weight: float, experiment: str | None) -> Variants:
    variants = Variants(bundle) if now.pointer is None and role == CHAMPION else now.base().variants
    if experiment is not None:
        variants = dataclasses.replace(variants, experiment=experiment)
    return variants.joined_by(bundle, role, weight)


def _back(now: Standing, to: str | None) -> Variants:
    live = now.base()
    if to is not None:
        if now.live and to == live.champion:
            raise InputError(f"{now.registry}: bundle {to} is the champion already")
        return [Variants(to), *(one.variants for one in now.history if one.champion == to)][-1]
    earlier = [one.variants for one in _served_before(live, now.history) if one.variants != live.variants]
    if not earlier:
        raise InputError(f"{now.registry}: champion {live.champion} has no predecessor; name a bundle with --to")
    return earlier[0]


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


def _nothing_released(registry: str, troubles: Sequence[str] = ()) -> ArtifactError:
    why = "; ".join(troubles) or f"no {LIVE_FILE}"
    return ArtifactError(f"{registry}: no bundle is released here ({why}); run `onegraph release` first")


def describe_bundle(path: pathlib.Path, trusted: TrustedKeys | None = None) -> dict[str, Any]:
    """Return what a person asks of a bundle; of its signers those who are `trusted` have names."""
    manifest = artifact.open_artifact(path, ArtifactKind.BUNDLE).manifest
    check_manifest(manifest, str(path))
    shown = ("use_case", "family", "threshold", "metrics", "feature_names", "training_set_fingerprint", "versions")
    facts = {"id": artifact.content_id(manifest), **{name: manifest[name] for name in shown}}
    return {**facts, "signed_by": [dataclasses.asdict(one) for one in artifact.signers(path, trusted)]}
