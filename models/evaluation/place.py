"""Where the evaluation of a candidate is, and which candidate it is of. Imports nothing heavy."""

import pathlib

from schemas import fingerprint
from schemas.artifacts import artifact


def evaluation_path(candidate: str | pathlib.Path) -> pathlib.Path:
    """Return the path of a candidate's evaluation: beside it, since a candidate is complete and never changes.

    >>> evaluation_path("runs/candidate").as_posix()
    'runs/candidate.evaluation'
    """
    path = pathlib.Path(candidate)
    return path.with_name(path.name + ".evaluation")


def manifest_fingerprint(path: pathlib.Path) -> str:
    """Return the sha256 of an artifact's manifest, which names every byte of it."""
    return fingerprint.of_file(path / artifact.MANIFEST)
