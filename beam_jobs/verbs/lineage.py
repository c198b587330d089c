"""`onegraph lineage`: from the bundle that a prediction names back to release, commit, training set and schema."""

from typing import Any

from beam_jobs.cli.settings import Lineage
from beam_jobs.registries.lineage_text import lineage_text
from beam_jobs.registries.registry_address import check_local
from models.registry.lineage import lineage
from models.registry.registry import Registry


def check(settings: Lineage) -> None:
    """Raise if the registry or the bundle is not there."""
    check_local(settings.registry)
    registry = Registry(settings.registry)
    registry.bundle_path(settings.bundle or registry.released().champion)


def run(settings: Lineage) -> dict[str, Any]:
    """Return where a bundle comes from; of the champion where none is named."""
    check(settings)
    registry = Registry(settings.registry)
    return lineage(registry, settings.bundle or registry.released().champion, settings.training_set)


def describe(result: dict[str, Any]) -> str:
    """Return it for people."""
    return lineage_text(result)
