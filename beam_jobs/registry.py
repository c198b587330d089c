"""`onegraph registry`: what is released, what a bundle is, whether every byte is as it was, and who serves."""

import pathlib
from typing import Any

from beam_jobs.release import generation, generation_text, now, variants_text, who
from beam_jobs.settings import RegistryVerb
from models.golden import replay_golden
from models.registry import Registry, describe_bundle
from models.scorer import Scorer
from models.variants import Variants
from schemas.errors import InputError, UsageError

_CHANGES = ("promote", "weigh", "remove")


def check(settings: RegistryVerb) -> None:
    """Raise where the registry or the bundle is not there."""
    if not pathlib.Path(settings.registry).is_dir():
        raise InputError(f"{settings.registry}: no such registry directory")
    if settings.action == "list" and settings.bundle is not None:
        raise InputError(f"registry list takes no bundle, got {settings.bundle!r}")
    if settings.action in _CHANGES and settings.bundle is None:
        raise UsageError(f"registry {settings.action} wants a bundle id; `onegraph registry list` shows them")
    if (settings.action == "weigh") != (settings.weight is not None):
        raise UsageError("--weight is for `registry weigh`, which wants it, as in --weight 0.1")
    registry = Registry(settings.registry)
    if settings.action in _CHANGES:
        _changed(settings, registry.released().variants)
    elif settings.bundle is not None:
        registry.bundle_path(settings.bundle)


def run(settings: RegistryVerb) -> dict[str, Any]:
    """Return the findings, or the generation that was written.

    `verify` raises for the first bundle that is altered or scores its golden rows otherwise.
    """
    check(settings)
    registry = Registry(settings.registry)
    if settings.action == "list":
        generations = [pointer.to_json() for pointer in registry.history()]
        live = registry.live()
        serving = live.to_json() if live is not None else None
        found = {"registry": settings.registry, "live": serving, "bundles": registry.bundles()}
        return {**found, "champion": live.champion if live is not None else None, "generations": generations}
    if settings.action in _CHANGES:
        changed = _changed(settings, registry.released().variants)
        return generation(registry.point_at(changed, who(), now(), settings.why), settings.registry)
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
    if "generation" in result:
        return generation_text(result)
    lines = [f"{result['registry']}: {len(result['bundles'])} bundles"]
    live = Variants.from_json(result["live"]) if result["live"] else None
    for bundle in result["bundles"]:
        role = live.role(bundle) if live is not None and bundle in live.bundles else ""
        lines.append(f"  {bundle}  {role}".rstrip())
    for pointer in result["generations"]:
        lines.append(
            f"  generation {pointer['generation']}: {variants_text(pointer)}  {pointer['when']}  {pointer['who']}"
            f"{'  ' + pointer['why'] if pointer['why'] else ''}"
        )
    return "\n".join(lines)


def _changed(settings: RegistryVerb, variants: Variants) -> Variants:
    bundle = settings.bundle or ""
    if settings.action == "weigh":
        return variants.with_weight(bundle, settings.weight or 0.0)
    return variants.promoted(bundle) if settings.action == "promote" else variants.without(bundle)


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
