"""The way back from a bundle: its releases, the candidate, the commit, the training set and what that was made of."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from models.registry.registry import Registry
from models.scoring.manifest import check_manifest
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import OnegraphError

_FACTS = (
    *("use_case", "task", "family", "rounds", "training_set_fingerprint", "schema_fingerprint", "graph_fingerprint"),
    "versions",
)


def lineage(registry: Registry, bundle: str, training_set: str | pathlib.Path | None = None) -> dict[str, Any]:
    """Return where a bundle comes from, as plain JSON values.

    `releases` are those that brought it in, oldest first, as their `Origin`s; `training_set` what its
    training set says of itself, looked for at `training_set` or where the newest release says: with `found` false and
    `why` where it is not there, or is another one. Raises `ArtifactError` for a bundle that is not in the registry.
    """
    path = registry.bundle_path(bundle)
    manifest = artifact.open_artifact(path, ArtifactKind.BUNDLE).manifest
    check_manifest(manifest, str(path))
    origins = [one.origins[bundle] for one in registry.history() if bundle in one.origins]
    releases = sorted({one.generation: one for one in origins}.values(), key=lambda one: one.generation)
    place = training_set or (releases[-1].training_set if releases else "")
    return {
        "bundle": bundle,
        **{name: manifest[name] for name in _FACTS},
        "releases": [dataclasses.asdict(one) for one in releases],
        "training_set": _training_set(place, manifest["training_set_fingerprint"]),
    }


def _training_set(place: str | pathlib.Path, fingerprint: str) -> dict[str, Any]:
    if not place:
        return {"found": False, "why": "no release says where it was; name it with --training-set"}
    try:
        opened = TrainingSet.open(place)
    except (OnegraphError, OSError) as error:
        return {"found": False, "path": str(place), "why": str(error)}
    if opened.fingerprint != fingerprint:
        why = f"it is training set {opened.fingerprint[:12]}, the bundle is of {fingerprint[:12]}"
        return {"found": False, "path": str(place), "why": why}
    made_from = opened.manifest.get("run")
    return {
        "found": True,
        "path": str(place),
        "rows": opened.manifest["rows"],
        "made_from": dict(made_from) if isinstance(made_from, Mapping) else {},
    }
