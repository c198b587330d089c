"""What a page needs of a model: its facts and what its evaluation found, of a candidate, an evaluation or a bundle."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from beam_jobs.inspection.finding import of_kind, read_json
from beam_jobs.reports.metrics_text import task_of
from models.evaluation.place import candidate_path, evaluation_path, manifest_fingerprint
from models.registry.releasable import EVALUATION
from models.scoring.manifest import model_facts
from schemas.artifacts import artifact
from schemas.artifacts.artifact import Artifact, ArtifactKind
from schemas.errors import ArtifactError, InputError

KINDS = (ArtifactKind.CANDIDATE, ArtifactKind.EVALUATION, ArtifactKind.BUNDLE)
_ALWAYS = ("metrics", "slices", "curves", "verdict")
_SOMETIMES = ("thresholds", "fairness", "intervals", "comparison", "explanation")
_TRAINING = "training.json"


@dataclasses.dataclass(frozen=True)
class OpenedModel:
    """An evaluated model. `found` has the parts of its evaluation by name; those that it does not have are None.

    `training` is what the candidate says of its training, nothing where only the evaluation is there; `fingerprint`
    names the candidate, `id` a bundle.
    """

    path: pathlib.Path
    kind: str
    manifest: Mapping[str, Any]
    found: Mapping[str, Any]
    training: Mapping[str, Any]

    @classmethod
    def open(cls, path: str | pathlib.Path) -> "OpenedModel":
        """Open a directory; raises `ArtifactError` for one that is not whole, or a candidate without an evaluation."""
        given = pathlib.Path(path)
        if not given.is_dir():
            raise InputError(f"{path}: no such directory, wanted a candidate, an evaluation or a bundle")
        kind = str(artifact.kind_of(given))
        if kind not in KINDS:
            raise ArtifactError(f"{path}: a {kind}, wanted a candidate, an evaluation or a bundle")
        opened = artifact.open_artifact(given, kind)
        if kind == ArtifactKind.BUNDLE:
            return cls._of(opened, kind, opened.path / EVALUATION, opened.path)
        if kind == ArtifactKind.CANDIDATE:
            evaluation = evaluation_path(given)
            if not evaluation.exists():
                raise ArtifactError(f"{path}: not evaluated (no {evaluation}); run `onegraph evaluate` first")
            _check_of(evaluation, opened)
            return cls._of(opened, kind, evaluation, opened.path)
        return cls._of(_candidate_of(opened) or opened, kind, opened.path, None)

    @classmethod
    def _of(cls, opened: Artifact, kind: str, folder: pathlib.Path, source: pathlib.Path | None) -> "OpenedModel":
        found = {name: read_json(folder / f"{name}.json", dict, f"the {name} of an evaluation") for name in _ALWAYS}
        for name in _SOMETIMES:
            there = (folder / f"{name}.json").is_file()
            found[name] = read_json(folder / f"{name}.json", dict, f"the {name} of an evaluation") if there else None
        source = opened.path if source is None and (opened.path / _TRAINING).is_file() else source
        training = {} if source is None else read_json(source / _TRAINING, dict, "what a training was like")
        return cls(folder if kind == ArtifactKind.EVALUATION else opened.path, kind, opened.manifest, found, training)

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.path.resolve().name

    @property
    def use_case(self) -> str:
        """The use case that it is of."""
        return str(self.manifest.get("use_case", ""))

    @property
    def model(self) -> Mapping[str, Any]:
        """What its manifest says of the model: task and family among it, if it is known."""
        if self.manifest.get("kind") == ArtifactKind.CANDIDATE:
            return model_facts(self.manifest, str(self.path))
        return self.manifest

    @property
    def task(self) -> str:
        """The task that it is of; an evaluation alone is told by its metrics."""
        return str(self.model.get("task") or task_of(self.found["metrics"]))

    @property
    def trained_on(self) -> str | None:
        """The fingerprint of its training set, whose test split it was evaluated on."""
        known = self.manifest.get("training_set_fingerprint")
        return known if isinstance(known, str) else None

    @property
    def passed(self) -> bool:
        """Whether it passed its gates."""
        return self.found["verdict"].get("passed") is True

    def part(self, name: str) -> Mapping[str, Any]:
        """Return a part of the evaluation, nothing where it has none."""
        found = self.found[name]
        return {} if found is None else of_kind(found, dict, self.path, f"the {name} of an evaluation")


def _check_of(evaluation: pathlib.Path, candidate: Artifact) -> None:
    opened = artifact.open_artifact(evaluation, ArtifactKind.EVALUATION)
    if opened.fact("candidate", str) != manifest_fingerprint(candidate.path):
        raise ArtifactError(
            f"{evaluation}: evaluates another candidate than {candidate.path}; remove it and evaluate again"
        )


def _candidate_of(evaluation: Artifact) -> Artifact | None:
    """Return the candidate beside an evaluation, if it is that."""
    beside = candidate_path(evaluation.path)
    if beside is None:
        return None
    try:
        found = artifact.open_artifact(beside, ArtifactKind.CANDIDATE)
        return found if manifest_fingerprint(found.path) == evaluation.manifest.get("candidate") else None
    except (ArtifactError, OSError):
        return None
