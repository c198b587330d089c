"""`onegraph inspect`: what is in a file or directory, whichever of ours it is."""

import pathlib
from typing import Any

from beam_jobs.cli.settings import Inspect
from beam_jobs.inspection import kinds
from schemas.address import check_here
from schemas.errors import InputError


def check(settings: Inspect) -> None:
    """Raise if there is nothing at the path."""
    check_here(settings.path)
    if not pathlib.Path(settings.path).exists():
        raise InputError(f"{settings.path}: no such file or directory")


def run(settings: Inspect) -> dict[str, Any]:
    """Return what is there; `kind` says what it is."""
    check(settings)
    if settings.against is not None:
        from beam_jobs.inspection.schema_differences import look_at_difference  # brings PyArrow

        return look_at_difference(pathlib.Path(settings.path), pathlib.Path(settings.against))
    return kinds.look(pathlib.Path(settings.path), settings.limit)


def describe(result: dict[str, Any]) -> str:
    """Return it for people."""
    return kinds.text(result)
