"""`onegraph rollback`: the registry's next generation, with the variants of an earlier one."""

from typing import Any

from beam_jobs.cli.settings import Rollback
from beam_jobs.registries.copied_registry import check_writable
from beam_jobs.verbs.release import describe, generation, now, who
from models.registry.registry import Registry
from models.variants.variants import CHAMPION

__all__ = ["check", "describe", "run"]


def check(settings: Rollback) -> None:
    """Raise where nothing was released, or the bundle to go back to is not there."""
    check_writable(settings.registry)
    registry = Registry(settings.registry)
    registry.standing().base()
    if settings.to is not None:
        registry.bundle_path(settings.to)


def run(settings: Rollback) -> dict[str, Any]:
    """Write the next generation; return it."""
    check(settings)
    pointer = Registry(settings.registry).rollback(settings.to, who(), now(), settings.why)
    return {"bundle": pointer.champion, "role": CHAMPION, **generation(pointer, settings.registry)}
