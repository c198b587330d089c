"""The registry: a directory of bundles, and one small pointer file that says which of them are live.

```
<registry>/bundles/<id>/          immutable, but for signatures that are added
<registry>/live.json              the pointer, replaced in one step
<registry>/history/000001.json    every generation of it
```
Release and rollback are the same act: write the next generation.
"""

import dataclasses
import json
import os
import pathlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.bundle import write_bundle
from models.scorer import KIND
from models.variants import CHAMPION, Variants
from schemas import artifact
from schemas.errors import ArtifactError, InputError
from schemas.signature import TrustedKeys

LIVE = "live.json"


@dataclasses.dataclass(frozen=True)
class Pointer:
    """One generation: which bundles serve, who said so, when (ISO 8601, UTC) and why."""

    generation: int
    variants: Variants
    who: str
    when: str
    why: str

    @property
    def champion(self) -> str:
        """The champion's bundle id."""
        return self.variants.champion

    def to_json(self) -> dict[str, Any]:
        """Return the value that is written."""
        said = {"generation": self.generation, "who": self.who, "when": self.when, "why": self.why}
        return {**said, **self.variants.to_json()}

    def text(self) -> str:
        """Return the JSON that is written."""
        return json.dumps(self.to_json(), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_text(cls, text: str, where: str) -> "Pointer":
        """Parse it; raises `ArtifactError` naming `where` for anything else."""
        try:
            value = json.loads(text)
            if not isinstance(value["generation"], int):
                raise TypeError
            said = [str(value[name]) for name in ("who", "when", "why")]
            return cls(value["generation"], Variants.from_json(value), *said)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ArtifactError(f"{where}: not a registry pointer; restore it from history/") from None
        except InputError as error:
            raise ArtifactError(f"{where}: {error}; restore it from history/") from None


class Registry:
    """A registry directory; it need not exist before the first release.

    With `trusted`, a bundle that none of these keys signed is refused.
    """

    def __init__(self, path: str | pathlib.Path, trusted: TrustedKeys | None = None):
        self.path = pathlib.Path(path)
        self.name = str(path)
        self._trusted = trusted

    def live(self) -> Pointer | None:
        """Return the live pointer, or None where nothing was ever released."""
        try:
            return Pointer.from_text((self.path / LIVE).read_text(), str(self.path / LIVE))
        except FileNotFoundError:
            return None

    def released(self) -> Pointer:
        """Return the live pointer; raises `ArtifactError` where nothing was released."""
        pointer = self.live()
        if pointer is None:
            raise ArtifactError(f"{self.name}: no bundle is released here (no {LIVE}); run `onegraph release` first")
        return pointer

    def champion(self) -> pathlib.Path:
        """Return the champion's directory; raises `ArtifactError` where nothing was released."""
        return self.bundle_path(self.released().champion)

    def bundle_path(self, bundle_id: str) -> pathlib.Path:
        """Return a bundle's directory; raises `ArtifactError` where it is missing, altered or not signed as wanted."""
        path = self.path / "bundles" / bundle_id
        if not bundle_id or pathlib.PurePath(bundle_id).name != bundle_id or not path.is_dir():
            raise ArtifactError(f"{self.name}: no bundle {bundle_id!r}; `onegraph registry list` shows those there are")
        found = artifact.content_id(artifact.open_artifact(path, KIND, self._trusted).manifest)
        if found != bundle_id:
            raise ArtifactError(f"{path}: its content is that of bundle {found}; copy the registry again")
        return path

    def bundles(self) -> list[str]:
        """Return the ids of the complete bundles, sorted."""
        folder = self.path / "bundles"
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if (path / artifact.MARKER).is_file())

    def history(self) -> list[Pointer]:
        """Return every generation, oldest first."""
        folder = self.path / "history"
        files = sorted(folder.glob("[0-9]*.json")) if folder.is_dir() else []
        return [Pointer.from_text(file.read_text(), str(file)) for file in files]

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
        self._joined("(new)", role, weight, experiment)  # what cannot be is refused before anything is written
        bundle = write_bundle(candidate, self.path / "bundles")
        if sign_key is not None:
            self.sign(bundle, sign_key)
        return self.point_at(self._joined(bundle, role, weight, experiment), who, when, why)

    def sign(self, bundle_id: str, key: Ed25519PrivateKey) -> None:
        """Add a key's signature to a bundle, every byte of which is compared before; its id stays."""
        artifact.sign(self.bundle_path(bundle_id), KIND, bundle_id, key)

    def _joined(self, bundle: str, role: str, weight: float, experiment: str | None) -> Variants:
        live = self.live() if role == CHAMPION else self.released()
        variants = Variants(bundle) if live is None else live.variants
        if experiment is not None:
            variants = dataclasses.replace(variants, experiment=experiment)
        return variants.joined_by(bundle, role, weight)

    def rollback(self, to: str | None, who: str, when: str, why: str) -> Pointer:
        """Let the variants of an earlier generation serve again, whole.

        Without `to` those of the newest generation that had others than the live one; with it those of the newest one
        with this champion, or this bundle alone where it never was champion.
        """
        live = self.released()
        history = [pointer.variants for pointer in self.history()]
        if to is None:
            earlier = [variants for variants in history if variants != live.variants]
            if not earlier:
                raise InputError(f"{self.path}: champion {live.champion} has no predecessor; name a bundle with --to")
        elif to == live.champion:
            raise InputError(f"{self.path}: bundle {to} is the champion already")
        else:
            earlier = [Variants(to), *(variants for variants in history if variants.champion == to)]
        return self.point_at(earlier[-1], who, when, why)

    def point_at(self, variants: Variants, who: str, when: str, why: str) -> Pointer:
        """Write the next generation; every byte of its bundles is compared first, and they must be of one use case."""
        use_cases = {}
        for bundle in variants.bundles:
            opened = artifact.open_artifact(self.bundle_path(bundle), KIND)
            opened.verify()
            use_cases[opened.manifest["use_case"]] = bundle
        if len(use_cases) > 1:
            raise InputError(f"{self.path}: use cases {', '.join(sorted(use_cases))} cannot serve together")
        generations = [pointer.generation for pointer in self.history()]
        pointer = Pointer(max(generations, default=0) + 1, variants, who, when, why)
        folder = self.path / "history"
        folder.mkdir(exist_ok=True)
        try:
            # Whoever makes the file of a generation has that generation: two releases at once cannot be one.
            _write(folder / f"{pointer.generation:06d}.json", pointer.text(), "x")
        except FileExistsError:
            raise ArtifactError(f"{self.path}: another release is writing generation {pointer.generation}") from None
        unfinished = self.path / f".{LIVE}-{pointer.generation}"
        _write(unfinished, pointer.text(), "w")
        os.replace(unfinished, self.path / LIVE)
        return pointer


def describe_bundle(path: pathlib.Path, trusted: TrustedKeys | None = None) -> dict[str, Any]:
    """Return what a person asks of a bundle; of its signers those who are `trusted` have names."""
    manifest = artifact.open_artifact(path, KIND).manifest
    shown = ("use_case", "family", "threshold", "metrics", "feature_names", "training_set_fingerprint", "versions")
    facts = {"id": artifact.content_id(manifest), **{name: manifest[name] for name in shown}}
    return {**facts, "signed_by": [dataclasses.asdict(one) for one in artifact.signers(path, trusted)]}


def _write(path: pathlib.Path, text: str, mode: str) -> None:
    with open(path, mode) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
