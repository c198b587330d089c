"""`onegraph rollback`: the registry's next generation, with the variants of an earlier one."""

from typing import Any

from beam_jobs.cli.settings import Rollback
from beam_jobs.registries.planned_generation import planned_text
from beam_jobs.registries.registry_address import check_writable
from beam_jobs.registries.written_generation import generation, generation_text, now, who
from models.registry.registry import Registry
from models.variants.variants import CHAMPION


def check(settings: Rollback) -> None:
    """Raise if nothing was released, there is nothing to go back to, or its champion is not there."""
    check_writable(settings.registry)
    registry = Registry(settings.registry)
    registry.bundle_path(registry.back(registry.standing(), settings.to).champion)


def plan(settings: Rollback) -> list[str]:
    """Return what would change; every byte of what would serve is compared."""
    check(settings)
    registry = Registry(settings.registry)
    stands = registry.standing()
    variants = registry.back(stands, settings.to)
    planned = registry.planned(stands, variants, who(), now(), settings.why)
    return [*stands.troubles, *planned_text(stands.pointer, planned)]


def run(settings: Rollback) -> dict[str, Any]:
    """Write the next generation; return it."""
    check(settings)
    pointer = Registry(settings.registry).rollback(settings.to, who(), now(), settings.why)
    return {"bundle": pointer.champion, "role": CHAMPION, **generation(pointer, settings.registry)}


def describe(result: dict[str, Any]) -> str:
    """Return who serves now, for people."""
    return generation_text(result)
