"""What a tracker is told of a candidate, its evaluation and its bundle: parameters, metrics, tags, folders of files.

Read off finished artifacts alone, so that what was not told when it was made can be told later.
"""

import dataclasses
import json
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from models.evaluation.place import evaluation_path, manifest_fingerprint
from models.measures.numbers import numbers_in
from models.registry.registry import Registry
from models.scoring.manifest import model_facts
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind

_FINGERPRINTS = ("training_set_fingerprint", "schema_fingerprint", "graph_fingerprint")

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Record:
    """All that is known of one candidate by now.

    `history` has by metric one value per round of training; `metrics` are those of the test split. `folders` are sent
    as they are, by the name that they get.
    """

    name: str
    use_case: str
    candidate: str
    parameters: Mapping[str, str]
    history: Mapping[str, Sequence[float]]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    folders: Mapping[str, pathlib.Path]


def record_of(candidate: str | pathlib.Path, registry: Registry | None = None) -> Record:
    """Return what is known of a candidate: with its evaluation if it has one, its bundle if it is in a registry.

    The evaluation of a candidate that was at that path before is left out, with a warning. Raises `ArtifactError` for
    what is no whole candidate.
    """
    opened = artifact.open_artifact(candidate, ArtifactKind.CANDIDATE)
    model = model_facts(opened.manifest, str(candidate))
    training = json.loads((opened.path / "training.json").read_text())
    facts = {name: opened.fact(name, str) for name in _FINGERPRINTS}
    tags = {"task": model["task"], "family": model["family"], **facts, **_versions(opened.manifest)}
    parameters = {name: str(value) for name, value in training["parameters"].items()}
    metrics: dict[str, float] = {}
    folders: dict[str, pathlib.Path] = {}
    path = evaluation_path(candidate)
    fingerprint = manifest_fingerprint(opened.path)
    evaluation = artifact.open_artifact(path, ArtifactKind.EVALUATION) if path.exists() else None
    if evaluation is not None and evaluation.fact("candidate", str) != fingerprint:
        _log.warning("%s: evaluates another candidate than %s, so it is not told; evaluate again", path, candidate)
        evaluation = None
    if evaluation is not None:
        metrics = {
            name: float(one) for name, one in numbers_in(evaluation.fact("metrics", dict)).items() if one is not None
        }
        tags["gates"] = "passed" if evaluation.fact("passed", bool) else "not passed"
        folders["evaluation"] = path
        if registry is not None and (bundle := registry.bundle_of(opened, evaluation)) is not None:
            tags["bundle"] = bundle
            folders["bundle"] = registry.bundle_path(bundle)
    return Record(
        opened.path.name,
        opened.fact("use_case", str),
        fingerprint,
        parameters | {"rounds": str(training["rounds"])},
        training["eval"],
        metrics,
        tags,
        folders,
    )


def _versions(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {f"version.{name}": str(version) for name, version in manifest.get("versions", {}).items()}
