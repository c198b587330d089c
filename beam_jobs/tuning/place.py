"""Where a search can be made or gone on with. Imports nothing heavy."""

import pathlib

from schemas.address import is_remote
from schemas.artifacts.artifact import MARKER
from schemas.artifacts.making import check_writable
from schemas.errors import ArtifactError, UsageError

LOCK = ".lock"
"""What a directory of a search has from its first moment on."""


def check_search_place(output: str) -> None:
    """Raise for a directory that no search can be made in or gone on with; make nothing."""
    if is_remote(output):
        raise UsageError(f"{output}: an address, wanted a directory of this machine")
    place = pathlib.Path(output)
    check_writable(place)
    for above in (place.absolute(), *place.absolute().parents):
        if (above / MARKER).exists():
            raise ArtifactError(f"{output}: in {above}, which is complete and must not change; choose another place")
    if place.is_dir() and any(place.iterdir()) and not (place / LOCK).exists():
        raise ArtifactError(f"{output}: not empty and no directory of a search; choose another directory")
