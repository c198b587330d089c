"""The format of training sets: what its number says of the names in it. Imports nothing heavy."""

import pathlib
from collections.abc import Sequence

from schemas.errors import ArtifactError
from transforms.examples.names import stored_name

# 1 knew no names of its own in examples (`names.stored_name`); sets of before have no number at all.
FORMAT = 2


def check_names(where: str | pathlib.Path, feature_names: Sequence[str], written: int) -> None:
    """Raise `ArtifactError` for a feature that a training set of format 1 took for the label or a slice."""
    taken = [name for name in feature_names if stored_name(name) != name]
    if written == 1 and taken:
        raise ArtifactError(
            f"{where}: of a training set of format 1, in which feature {taken[0]!r} cannot be told from what is ours; "
            "build and train again"
        )
