"""`onegraph rollback`: the registry's next generation, with the variants of an earlier one."""

from typing import Any

from beam_jobs.cli.settings import Rollback
from beam_jobs.registries.registry_address import check_writable
from beam_jobs.registries.written_generation import generation, generation_text, now, who
from models.registry.registry import Registry
from models.variants.variants import CHAMPION


def check(settings: Rollback) -> None:
    """Raise if nothing was released, or the bundle to go back to is not there."""
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


def describe(result: dict[str, Any]) -> str:
    """Return who serves now, for people."""
    return generation_text(result)
