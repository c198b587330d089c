"""`onegraph rollback`: the next generation of the registry's pointer, with an earlier champion."""

from typing import Any

from beam_jobs.release import describe, now, who
from beam_jobs.settings import Rollback
from models.registry import Registry

__all__ = ["check", "describe", "run"]


def check(settings: Rollback) -> None:
    """Raise where nothing was released, or the bundle to go back to is not there."""
    registry = Registry(settings.registry)
    registry.released()
    if settings.to is not None:
        registry.bundle_path(settings.to)


def run(settings: Rollback) -> dict[str, Any]:
    """Write the next generation; return it."""
    pointer = Registry(settings.registry).rollback(settings.to, who(), now(), settings.why)
    return {"generation": pointer.generation, "bundle": pointer.champion, "registry": settings.registry}
