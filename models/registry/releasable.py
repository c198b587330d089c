"""Which candidates may become bundles, and which bundle one became already. Imports neither TensorFlow nor a family."""

import importlib.metadata
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from models.evaluation.place import evaluation_path, manifest_fingerprint
from models.scoring.manifest import model_facts
from models.training.format import check_names
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError, GateRefusal

COPIED = ("model", "graph", "statistics", "schema.pbtxt", "training.json")
"""What a bundle takes over of its candidate."""
EVALUATION = "evaluation"
"""The folder of a bundle with the files of its candidate's evaluation."""


def check_releasable(candidate: str | pathlib.Path) -> tuple[artifact.Artifact, artifact.Artifact]:
    """Return a candidate and its evaluation, both verified.

    Raises `ArtifactError` if it was not evaluated, or something else was; `GateRefusal` if a gate said no.
    """
    opened = artifact.open_artifact(candidate, ArtifactKind.CANDIDATE)
    opened.verify()
    model_facts(opened.manifest, str(candidate))
    opened.fact("use_case", str)
    check_names(candidate, opened.fact("feature_names", list, str), opened.manifest.get("training_set_format", 1))
    path = evaluation_path(candidate)
    if not path.exists():
        raise ArtifactError(f"{candidate}: not evaluated (no {path}); run `onegraph evaluate` first")
    evaluation = artifact.open_artifact(path, ArtifactKind.EVALUATION)
    evaluation.verify()
    if evaluation.manifest["candidate"] != manifest_fingerprint(opened.path):
        raise ArtifactError(f"{path}: evaluates another candidate than {candidate}; remove it and evaluate again")
    if not evaluation.fact("passed", bool):
        raise GateRefusal(f"{candidate}: its evaluation did not pass the gates; see {path / 'verdict.json'}")
    return opened, evaluation


def bundle_of(
    opened: artifact.Artifact, evaluation: artifact.Artifact, bundles: pathlib.Path, ids: Iterable[str]
) -> str | None:
    """Return which of these bundles a candidate and its evaluation became, None if none of them.

    Its files are theirs, and the versions of libraries in its manifest are those that are installed: then what is
    made of them now is the same.
    """
    files: Mapping[str, Any] = opened.manifest["files"]
    wanted = {name: entry for name, entry in files.items() if name.partition("/")[0] in COPIED}
    wanted |= {f"{EVALUATION}/{name}": entry for name, entry in evaluation.manifest["files"].items()}
    for bundle in ids:
        try:
            manifest = artifact.open_artifact(bundles / bundle, ArtifactKind.BUNDLE).manifest
            versions = manifest["versions"]
        except (ArtifactError, OSError):
            continue
        found = {name: entry for name, entry in manifest["files"].items() if not name.startswith("golden/")}
        if found == wanted and isinstance(versions, dict) and _are_installed(versions):
            return bundle
    return None


def _are_installed(versions: Mapping[str, Any]) -> bool:
    try:
        return all(importlib.metadata.version(name) == version for name, version in versions.items())
    except importlib.metadata.PackageNotFoundError:
        return False
