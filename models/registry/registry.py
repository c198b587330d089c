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
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.registry.generations import Generations, locked
from models.registry.pointer import LIVE_FILE, Origin, Override, Pointer, check_readable, read_live
from models.registry.releasable import bundle_of, check_gates, check_passed, check_releasable
from models.registry.standing import BUNDLES, NEW, Standing, kind_of_artifact, nothing_released
from models.scoring.manifest import check_manifest
from models.training.source import Source
from models.variants.variants import CHAMPION, LONGEST_ID, Variants
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind, with_article
from schemas.artifacts.making import check_writable
from schemas.artifacts.signature import Signer, TrustedKeys
from schemas.errors import ArtifactError, InputError
from schemas.personal.treatments import FACT, said_of

_log = logging.getLogger(__name__)

_NO_OVERRIDES: Mapping[str, Override] = {}
_NO_ORIGINS: Mapping[str, Origin] = {}


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
            raise nothing_released(self.name)
        return pointer

    def champion(self) -> pathlib.Path:
        """Return the champion's directory; raises `ArtifactError` if nothing was released."""
        return self.bundle_path(self.released().champion)

    def bundle_path(self, bundle_id: str, still_wanted: Callable[[], object] | None = None) -> pathlib.Path:
        """Return a bundle's directory; raises `ArtifactError` if it is missing, altered or not signed as wanted.

        `still_wanted` is called now and then if this takes long, so that what it raises ends it.
        """
        path = self.path / BUNDLES / bundle_id
        if not self._has(bundle_id):
            raise ArtifactError(f"{self.name}: no bundle {bundle_id!r}; `onegraph registry list` shows those there are")
        found = artifact.content_id(artifact.open_artifact(path, ArtifactKind.BUNDLE, self._trusted).manifest)
        if found != bundle_id:
            raise ArtifactError(f"{path}: its content is that of bundle {found}; copy the registry again")
        return path

    def bundles(self) -> list[str]:
        """Return the ids of the complete bundles, sorted."""
        return [name for name in self.folders() if (self.path / BUNDLES / name / artifact.MARKER).is_file()]

    def folders(self) -> list[str]:
        """Return the names of the bundles' directories, whatever is in them, sorted."""
        folder = self.path / BUNDLES
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir())

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
        override: str | None = None,
    ) -> Pointer:
        """Make the bundle of an evaluated candidate and let it serve in a role, `champion`, `challenger` or `shadow`.

        A new champion takes the old one's keys, challengers keep theirs. A bundle that serves already gets that role
        instead of its own, but for a champion, which stays. `weight` is a challenger's share of keys; a new name of
        the experiment deals all keys anew. `sign_key` signs the bundle before it serves. A candidate that did not pass
        its gates is refused, but for an `override`, which says why and is kept in the generation.
        """
        from models.registry.bundle import write_bundle  # TensorFlow and the family's library, which no other act needs

        opened, evaluation = check_releasable(candidate)
        before = self.bundle_of(opened, evaluation) or NEW
        stands = self.standing()
        failed = check_gates(candidate, evaluation, stands.champion_besides(before), override)
        stands.joined(before, role, weight, experiment)  # before anything is written
        bundle = write_bundle(candidate, self.path / BUNDLES)
        if sign_key is not None:
            self.standing().joined(bundle, role, weight, experiment)  # before anything is signed
            self.sign(bundle, sign_key)
        overrides = {bundle: Override(who, when, override, failed)} if override is not None else {}

        def joined(now: Standing) -> Variants:
            # The champion that gates are about may have changed meanwhile.
            check_gates(candidate, evaluation, now.champion_besides(bundle), override)
            return now.joined(bundle, role, weight, experiment)

        return self.change(joined, who, when, why, overrides, {bundle: _origin(opened, who, when, why)})

    def bundle_of(self, candidate: artifact.Artifact, evaluation: artifact.Artifact) -> str | None:
        """Return which bundle of this registry a candidate became already, None if none."""
        return bundle_of(candidate, evaluation, self.path / BUNDLES, self.bundles())

    def sign(self, bundle_id: str, key: Ed25519PrivateKey) -> None:
        """Add a key's signature to a bundle, every byte of which is compared before; its id stays."""
        path = self.bundle_path(bundle_id)
        with locked(self.path):
            artifact.sign(path, ArtifactKind.BUNDLE, bundle_id, key)

    def signers(self, bundle_id: str) -> tuple[Signer, ...]:
        """Return who signed a bundle that can be signed; raises what `sign` would for one that cannot."""
        self.check_place()
        return artifact.check_signable(self.bundle_path(bundle_id), ArtifactKind.BUNDLE, bundle_id)

    def rollback(self, to: str | None, who: str, when: str, why: str) -> Pointer:
        """Let the variants of an earlier generation serve again, whole.

        Without `to` those of the newest generation before the live one that had others than it; with it those of the
        newest one with this champion, or this bundle alone if it never was champion. If the live pointer cannot
        be read, the newest generation of the history stands for it, and may be named by its champion too.
        """
        return self.change(lambda now: self.back(now, to), who, when, why)

    def back(self, now: Standing, to: str | None) -> Variants:
        """Return who would serve after a rollback; raises `ArtifactError` for a bundle that is not there."""
        variants = now.back(to)
        if to is not None and not self._has(to) and all(one.champion != to for one in now.history):
            raise ArtifactError(
                f"{self.name}: no bundle {to!r} to go back to; champions so far, by generation: {now.champions_text()}"
            )
        return variants

    def _has(self, bundle_id: str) -> bool:
        named = 0 < len(bundle_id) <= LONGEST_ID and pathlib.PurePath(bundle_id).name == bundle_id
        return named and (self.path / BUNDLES / bundle_id).is_dir()

    def point_at(self, variants: Variants, who: str, when: str, why: str) -> Pointer:
        """Write the next generation with these variants, whichever serve now; raises what `change` does."""
        return self.change(lambda _: variants, who, when, why)

    def change(
        self,
        changed: Callable[[Standing], Variants],
        who: str,
        when: str,
        why: str,
        overrides: Mapping[str, Override] = _NO_OVERRIDES,
        origins: Mapping[str, Origin] = _NO_ORIGINS,
    ) -> Pointer:
        """Write the next generation, with the variants that `changed` makes of how the registry stands.

        `overrides` are those of bundles that come in now, `origins` where they come from; what was said so of others
        that serve is repeated.

        No other writer comes in between: several changes at once are made one after the other, each on top of the one
        before. Every byte of the bundles is compared first, and they must be of one use case. Raises `ArtifactError`
        if the registry cannot be locked, and what `changed` raises.
        """
        if not self.path.is_dir() or kind_of_artifact(self.path) is not None:  # no lock is left in an artifact
            raise nothing_released(self.name)
        with locked(self.path):
            now = self.standing()
            for trouble in now.troubles:
                _log.warning("%s", trouble)
            pointer = self._next(now, changed(now), who, when, why, overrides=overrides, origins=origins)
            Generations(self.path).write(pointer)
        return pointer

    def planned(
        self,
        now: Standing,
        variants: Variants,
        who: str,
        when: str,
        why: str,
        new_use_case: str | None = None,
        overrides: Mapping[str, Override] = _NO_OVERRIDES,
    ) -> Pointer:
        """Return the generation that would follow with these variants, and write nothing.

        `new_use_case` is that of the bundle that is not made yet, which `NEW` stands for. Raises what `change` would,
        as far as it can be known without the lock.
        """
        self.check_place()
        return self._next(now, variants, who, when, why, new_use_case, overrides)

    def check_place(self) -> None:
        """Raise if the directory cannot be a registry, or cannot be written to; it need not be there."""
        check_writable(self.name)
        if self.path.is_dir() and (kind := kind_of_artifact(self.path)) is not None:
            raise InputError(f"{self.name}: {with_article(kind)}, wanted the directory of a registry; choose another")

    def _next(
        self,
        now: Standing,
        variants: Variants,
        who: str,
        when: str,
        why: str,
        new_use_case: str | None = None,
        overrides: Mapping[str, Override] = _NO_OVERRIDES,
        origins: Mapping[str, Origin] = _NO_ORIGINS,
    ) -> Pointer:
        known = {**now.overrides(), **overrides}
        self._check(variants, new_use_case, known)
        number = Generations(self.path).next_number(now.pointer)
        after = now.pointer.generation if now.pointer is not None else None
        serving = {bundle: known[bundle] for bundle in variants.bundles if bundle in known}
        released = {bundle: dataclasses.replace(one, generation=number) for bundle, one in origins.items()}
        brought_in = {
            bundle: one for bundle, one in {**now.origins(), **released}.items() if bundle in variants.bundles
        }
        pointer = Pointer(number, variants, who, when, why, after, serving, brought_in)
        check_readable(pointer)
        return pointer

    def _check(self, variants: Variants, new_use_case: str | None, overrides: Mapping[str, Override]) -> None:
        use_cases = {} if new_use_case is None else {new_use_case: NEW}
        tasks = set[str]()
        for bundle in variants.bundles:
            if bundle == NEW and new_use_case is not None:
                continue
            opened = artifact.open_artifact(self.bundle_path(bundle), ArtifactKind.BUNDLE)
            check_manifest(opened.manifest, str(opened.path))
            opened.verify()
            if bundle not in overrides:
                check_passed(opened.path, bundle)
            use_cases[opened.manifest["use_case"]] = bundle
            tasks.add(opened.manifest["task"])
        if len(use_cases) > 1:
            raise InputError(f"{self.path}: use cases {', '.join(sorted(use_cases))} cannot serve together")
        if len(tasks) > 1:
            raise InputError(f"{self.path}: bundles of tasks {', '.join(sorted(tasks))} cannot serve together")


def _origin(candidate: artifact.Artifact, who: str, when: str, why: str) -> Origin:
    """Return what a release says of its bundle; its generation gets its number under the lock."""
    source = Source.of_manifest(candidate.manifest)
    return Origin(0, who, when, why, str(candidate.path.absolute()), source.training_set, source.commit)


def describe_bundle(path: pathlib.Path, trusted: TrustedKeys | None = None) -> dict[str, Any]:
    """Return what a person asks of a bundle; of its signers those who are `trusted` have names."""
    manifest = artifact.open_artifact(path, ArtifactKind.BUNDLE).manifest
    check_manifest(manifest, str(path))
    shown = (
        *("use_case", "task", "family", "classes", "threshold", "metrics", "feature_names"),
        *("training_set_fingerprint", "versions"),
    )
    facts = {"id": artifact.content_id(manifest), **{name: manifest[name] for name in shown if name in manifest}}
    if (personal := said_of(manifest, str(path))) is not None:
        facts[FACT] = personal
    return {**facts, "signed_by": [dataclasses.asdict(one) for one in artifact.signers(path, trusted)]}
