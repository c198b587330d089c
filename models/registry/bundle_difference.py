"""What differs between two bundles: facts, parameters, features, metrics, schema. Loads neither graph nor model."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from models.measures.numbers import numbers_in
from models.scoring.manifest import check_manifest
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError
from schemas.plain_files import parse_json, read_plain
from schemas.review.difference import differences
from schemas.schema import Schema

_FACTS = (
    *("use_case", "task", "family", "classes", "threshold", "rounds", "slices"),
    *("schema_fingerprint", "graph_fingerprint", "training_set_fingerprint"),
)
_LARGEST = 64 * 1024 * 1024


def bundle_difference(before: pathlib.Path, after: pathlib.Path) -> dict[str, Any]:
    """Return what differs between two bundle directories, as plain JSON values: only what does, as [before, after].

    `facts`, `versions`, `parameters` and `metrics` are by name, where None is what one side has not; `features` has
    those that were added and removed, and whether those of both stand in another order; `schema` one entry per
    difference. Raises `ArtifactError` for a directory that is no bundle.
    """
    manifests = [_manifest(path) for path in (before, after)]
    facts = [{name: manifest.get(name) for name in _FACTS} for manifest in manifests]
    return {
        "before": artifact.content_id(manifests[0]),
        "after": artifact.content_id(manifests[1]),
        "facts": _changed(*facts),
        "versions": _changed(*(manifest["versions"] for manifest in manifests)),
        "parameters": _changed(*(_parameters(path) for path in (before, after))),
        "features": _features(*(manifest["feature_names"] for manifest in manifests)),
        "metrics": _changed(*(numbers_in(manifest["metrics"]) for manifest in manifests)),
        "schema": [dataclasses.asdict(one) for one in differences(*(_schema(path) for path in (before, after)))],
    }


def _manifest(path: pathlib.Path) -> Mapping[str, Any]:
    manifest = artifact.open_artifact(path, ArtifactKind.BUNDLE).manifest
    check_manifest(manifest, str(path))
    return manifest


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return by name what differs.

    >>> _changed({"eta": 0.1, "max_depth": 4}, {"eta": 0.3, "max_depth": 4, "gamma": 1})
    {'eta': [0.1, 0.3], 'gamma': [None, 1]}
    """
    names = [*before, *(name for name in after if name not in before)]
    pairs = {name: [before.get(name), after.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _features(before: list[str], after: list[str]) -> dict[str, Any]:
    was, now = set(before), set(after)
    common = [[name for name in names if name in was and name in now] for names in (before, after)]
    return {
        "added": [name for name in after if name not in was],
        "removed": [name for name in before if name not in now],
        "moved": common[0] != common[1],
    }


def _parameters(path: pathlib.Path) -> Mapping[str, Any]:
    file = path / "training.json"
    try:
        found = parse_json(read_plain(file, _LARGEST))["parameters"]
        return {name: found[name] for name in sorted(found)}
    except (OSError, ValueError, KeyError, TypeError):
        raise ArtifactError(f"{file}: does not say what the model was trained with; release again") from None


def _schema(path: pathlib.Path) -> Schema:
    return Schema.load(path / "schema.pbtxt")
