"""Where the evaluation of a candidate is, and which candidate it is of. Imports nothing heavy."""

import pathlib

from models.training.training_set import TrainingSet
from schemas import fingerprint
from schemas.artifacts import artifact
from schemas.errors import ArtifactError

_SUFFIX = ".evaluation"


def evaluation_path(candidate: str | pathlib.Path) -> pathlib.Path:
    """Return the path of a candidate's evaluation: beside it, since a candidate is complete and never changes.

    >>> evaluation_path("runs/candidate").as_posix()
    'runs/candidate.evaluation'
    """
    path = pathlib.Path(candidate)
    return path.with_name(path.name + _SUFFIX)


def candidate_path(evaluation: str | pathlib.Path) -> pathlib.Path | None:
    """Return the path of the candidate that an evaluation stands beside; None if it was moved or renamed.

    >>> present = candidate_path("runs/candidate.evaluation")
    >>> present and present.as_posix(), candidate_path("runs/another")
    ('runs/candidate', None)
    """
    path = pathlib.Path(evaluation)
    name = path.name.removesuffix(_SUFFIX)
    return path.with_name(name) if name and name != path.name else None


def manifest_fingerprint(path: pathlib.Path) -> str:
    """Return the sha256 of an artifact's manifest, which names every byte of it."""
    return fingerprint.of_file(path / artifact.MANIFEST)


def check_trained_on(candidate: artifact.Artifact, training_set: TrainingSet) -> None:
    """Raise `ArtifactError` if a candidate was trained on another training set than this one."""
    wanted = candidate.fact("training_set_fingerprint", str)
    if wanted != training_set.fingerprint:
        raise ArtifactError(
            f"{candidate.path}: trained on training set {wanted[:12]}, {training_set.path} is "
            f"{training_set.fingerprint[:12]}; give the one it was trained on"
        )
