"""`onegraph registry list|show|verify`: what is released, what a bundle is, whether every byte is as it was."""

import dataclasses
import pathlib
from typing import Any

from beam_jobs.settings import RegistryVerb
from models.golden import replay_golden
from models.registry import Registry, describe_bundle
from models.scorer import Scorer
from schemas.errors import InputError


def check(settings: RegistryVerb) -> None:
    """Raise where the registry or the bundle is not there."""
    if not pathlib.Path(settings.registry).is_dir():
        raise InputError(f"{settings.registry}: no such registry directory")
    if settings.action == "list" and settings.bundle is not None:
        raise InputError(f"registry list takes no bundle, got {settings.bundle!r}")
    if settings.bundle is not None:
        Registry(settings.registry).bundle_path(settings.bundle)


def run(settings: RegistryVerb) -> dict[str, Any]:
    """Return the findings; `verify` raises for the first bundle that is altered or scores its golden rows otherwise."""
    check(settings)
    registry = Registry(settings.registry)
    if settings.action == "list":
        generations = [dataclasses.asdict(pointer) for pointer in registry.history()]
        live = registry.live()
        champion = live.champion if live is not None else None
        found = {"registry": settings.registry, "champion": champion, "bundles": registry.bundles()}
        return {**found, "generations": generations}
    champion = registry.released().champion
    if settings.action == "show":
        return {"bundle": describe_bundle(registry.bundle_path(settings.bundle or champion))}
    chosen = [settings.bundle] if settings.bundle is not None else registry.bundles()
    for bundle in chosen:
        path = registry.bundle_path(bundle)
        replay_golden(Scorer.load(path), path / "golden")
    return {"verified": chosen, "champion": champion}


def describe(result: dict[str, Any]) -> str:
    """Return the findings for people."""
    if "verified" in result:
        return "\n".join(f"bundle {bundle}: every byte and every golden row as it was" for bundle in result["verified"])
    if "bundle" in result:
        return bundle_text(result["bundle"])
    lines = [f"{result['registry']}: {len(result['bundles'])} bundles"]
    lines += [f"  {bundle}{'  champion' if bundle == result['champion'] else ''}" for bundle in result["bundles"]]
    for pointer in result["generations"]:
        lines.append(
            f"  generation {pointer['generation']}: {pointer['champion']}  {pointer['when']}  {pointer['who']}"
            f"{'  ' + pointer['why'] if pointer['why'] else ''}"
        )
    return "\n".join(lines)


def bundle_text(bundle: dict[str, Any]) -> str:
    """Return what a bundle is, for people."""
    metrics = bundle["metrics"]
    versions = ", ".join(f"{name} {version}" for name, version in bundle["versions"].items())
    return "\n".join(
        [
            f"bundle {bundle['id']}: {bundle['use_case']}, {bundle['family']}",
            (
                f"  test split: AUC {metrics['auc']:.4f}, average precision {metrics['average_precision']:.4f}, "
                f"log loss {metrics['log_loss']:.4f}, threshold {bundle['threshold']:.4f}"
            ),
            f"  features: {', '.join(bundle['feature_names'])}",
            f"  training set {bundle['training_set_fingerprint'][:12]}; {versions}",
        ]
    )
