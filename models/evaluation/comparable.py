"""Whether a released bundle can be held against a candidate, on the rows of a training set. Imports nothing heavy."""

import pathlib

from models.scoring.manifest import check_manifest
from models.spec import ModelSpec
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import InputError


def check_comparable(bundle: str | pathlib.Path, spec: ModelSpec, training_set: TrainingSet) -> artifact.Artifact:
    """Return a bundle that can score the rows of a training set as they are stored; raises `InputError` for another.

    They are stored as the features of the training set's graph. A bundle of another graph would need the raw rows,
    which a training set does not have.
    """
    opened = artifact.open_artifact(bundle, ArtifactKind.BUNDLE)
    manifest = opened.manifest
    check_manifest(manifest, str(bundle))
    for name, found, wanted in (
        ("use case", manifest["use_case"], training_set.manifest["use_case"]),
        ("task", manifest["task"], spec.task),
        ("classes", ", ".join(manifest.get("classes", [])), ", ".join(spec.classes)),
    ):
        if found != wanted:
            raise InputError(
                f"{bundle}: the champion's {name} is {found!r}, the candidate's {wanted!r}; they have no "
                "score in common"
            )
    if manifest["graph_fingerprint"] != training_set.manifest["graph_fingerprint"]:
        raise InputError(
            f"{bundle}: the champion's graph is {manifest['graph_fingerprint'][:12]}, that of {training_set.path} is "
            f"{training_set.manifest['graph_fingerprint'][:12]}, so it cannot score these features; train "
            "one of its parameters on this training set and give that bundle with --against, or evaluate without"
        )
    return opened
