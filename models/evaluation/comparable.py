"""Whether a released bundle can be held against a candidate, on the test rows of a training set.

Imports nothing heavy; only where a column is in question is the bundle's graph asked whether it needs it.
"""

import dataclasses
import pathlib

from models.evaluation.champion_columns import unlike
from models.scoring.manifest import check_manifest
from models.spec import ModelSpec
from models.training.kept_test_rows import are_kept
from models.training.test_rows import KEEP
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import InputError, UsageError
from schemas.personal.treatments import Treatments
from schemas.schema import SERVING, Schema


class NothingToCompare(InputError):
    """The champion rejects every test row, which is known only when they have been read."""


@dataclasses.dataclass(frozen=True)
class Comparable:
    """A bundle that can be compared. One of the same graph scores the set's features, another its raw test rows.

    `without` are columns of its schema that no feature of it comes from, and that the rows have not as it knows them.
    """

    opened: artifact.Artifact
    by_features: bool
    without: tuple[str, ...] = ()


def check_comparable(bundle: str | pathlib.Path, spec: ModelSpec, training_set: TrainingSet) -> Comparable:
    """Return how a bundle can score the test rows of a training set; raises `UsageError`, in one line, if it cannot.

    What stands in that line before ", so" is why. A damaged bundle is an `ArtifactError`: that is no reason to go on
    without comparison, so it ends a retrain run.
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
            raise UsageError(
                f"{bundle}: the champion's {name} is {found!r}, the candidate's {wanted!r}, so they have no score in "
                "common; give another bundle with --against, or evaluate without"
            )
    if manifest["graph_fingerprint"] == training_set.manifest["graph_fingerprint"]:
        return Comparable(opened, by_features=True)
    if not are_kept(training_set):
        raise UsageError(
            f"{bundle}: the champion's graph is {manifest['graph_fingerprint'][:12]}, that of {training_set.path} is "
            f"{training_set.manifest['graph_fingerprint'][:12]} and the set keeps no raw test rows, so the champion "
            f"cannot score them; build the set again with --test-rows {KEEP}, the candidate stays one of it, or "
            "evaluate without"
        )
    questioned = unlike(_treatments(opened), training_set.serving)
    if questioned:
        needed = _needed(opened)
        for name, why in questioned.items():
            if name in needed:
                raise UsageError(
                    f"{bundle}: a feature of the champion needs column {name!r}, {why} by {training_set.path}, so the "
                    "champion cannot score its rows; evaluate without"
                )
    return Comparable(opened, by_features=False, without=tuple(questioned))


def _treatments(opened: artifact.Artifact) -> Treatments:
    schema = Schema.load(opened.path / "schema.pbtxt").environment(SERVING)
    return Treatments.of_manifest(schema, opened.manifest, str(opened.path))


def _needed(opened: artifact.Artifact) -> frozenset[str]:
    """Return the columns that the features of a bundle come from."""
    from transforms.graph.graph import TransformGraph

    opened.verify()
    return frozenset(name for names in TransformGraph.load(opened.path / "graph").feature_columns for name in names)
