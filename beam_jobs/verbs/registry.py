"""`onegraph registry`: what is released, what differs, whether every byte is as it was, who serves, what can go.

Only `verify` loads bundles, so only it imports TensorFlow and the families' libraries.
"""

import dataclasses
import time
from typing import Any

from beam_jobs.cli.settings import RegistryVerb
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.registries import first_loads
from beam_jobs.registries.bundle_difference_text import bundle_difference_text
from beam_jobs.registries.bundle_text import bundle_text, signed_text
from beam_jobs.registries.garbage_text import garbage_text
from beam_jobs.registries.listing import listing, listing_text
from beam_jobs.registries.planned_generation import planned_text
from beam_jobs.registries.registry_address import check_local, check_writable
from beam_jobs.registries.written_generation import generation, generation_text, now, who
from models.registry.bundle_difference import bundle_difference
from models.registry.garbage import collect, garbage
from models.registry.registry import Registry, describe_bundle
from models.variants.variants import Variants
from schemas.artifacts import artifact
from schemas.artifacts.signature import Signer, TrustedKeys, key_fingerprint, load_private_key
from schemas.errors import InputError

_CHANGES = ("promote", "weigh", "remove")


def check(settings: RegistryVerb) -> None:
    """Raise if the registry or the bundle is not there."""
    if settings.action in (*_CHANGES, "sign", "gc"):
        check_writable(settings.registry)
    check_local(settings.registry)
    if settings.action == "list" and settings.bundle is not None:
        raise InputError(f"registry list takes no bundle, got {settings.bundle!r}")
    if settings.sign_key_file is not None:
        load_private_key(settings.sign_key_file)
    registry = Registry(settings.registry)
    if settings.action in _CHANGES:
        _changed(settings, registry.standing().base().variants)
    elif settings.bundle is not None:
        for bundle in (settings.bundle, settings.other):
            if bundle is not None:
                registry.bundle_path(bundle)
    elif not registry.bundles():
        registry.standing().base()  # raises, and says what is there instead of a registry


def plan(settings: RegistryVerb) -> list[str]:
    """Return what would change: who serves, or who signed; nothing where an action only looks."""
    check(settings)
    registry = Registry(settings.registry, TrustedKeys.of(settings.trusted_keys))
    if settings.action in _CHANGES:
        stands = registry.standing()
        variants = _changed(settings, stands.base().variants)
        planned = registry.planned(stands, variants, who(), now(), settings.why)
        return [*stands.troubles, *planned_text(stands.pointer, planned)]
    if settings.action == "sign":
        key = key_fingerprint(load_private_key(settings.sign_key_file or "").public_key())
        signers = registry.signers(settings.bundle or "")
        if any(signer.key == key for signer in signers):
            return [f"bundle {settings.bundle} is signed by {Signer(key)} already; nothing would change"]
        others = f", besides {', '.join(map(str, signers))}" if signers else ""
        return [f"bundle {settings.bundle} would be signed by {Signer(key)}{others}; its id stays"]
    if settings.action == "gc":
        found = garbage(registry, time.time(), settings.generations)
        return garbage_text(settings.registry, dataclasses.asdict(found), "would be removed")
    return []


def run(settings: RegistryVerb) -> dict[str, Any]:
    """Return the findings, or the generation that was written.

    `verify` raises for the first bundle that is altered, scores its golden rows otherwise, has a signature of another
    manifest, or, if keys are trusted, none of theirs.
    """
    check(settings)
    trusted = TrustedKeys.of(settings.trusted_keys)
    registry = Registry(settings.registry)
    if settings.action == "list":
        return listing(settings.registry, trusted)
    if settings.action in _CHANGES:
        pointer = Registry(settings.registry, trusted).change(
            lambda stands: _changed(settings, stands.base().variants), who(), now(), settings.why
        )
        return generation(pointer, settings.registry)
    if settings.action == "gc":
        found = collect(registry, time.time(), settings.generations)
        return {"registry": settings.registry, "removed": dataclasses.asdict(found)}
    if settings.action == "diff":
        first, second = settings.bundle or "", settings.other
        pair = (registry.standing().base().champion, first) if second is None else (first, second)
        return {"difference": bundle_difference(*map(registry.bundle_path, pair))}
    if settings.action == "sign":
        registry.sign(settings.bundle or "", load_private_key(settings.sign_key_file or ""))
    if settings.action in ("show", "sign"):
        bundle = settings.bundle or registry.standing().base().champion
        override = registry.standing().overrides().get(bundle)
        return {
            "bundle": describe_bundle(registry.bundle_path(bundle), trusted)
            | ({} if override is None else {"override": override.to_json()})
        }
    return _verified(settings, registry, trusted)


def describe(result: dict[str, Any]) -> str:
    """Return the findings for people."""
    if "verified" in result:
        return "\n".join(
            f"bundle {bundle}: every byte and every golden row as it was; {signed_text(result['signed_by'][bundle])}"
            for bundle in result["verified"]
        )
    if "removed" in result:
        return "\n".join(garbage_text(result["registry"], result["removed"], "removed"))
    if "difference" in result:
        return bundle_difference_text(result["difference"])
    if "bundle" in result:
        return bundle_text(result["bundle"])
    if "generation" in result:
        return generation_text(result)
    return listing_text(result)


def _changed(settings: RegistryVerb, variants: Variants) -> Variants:
    bundle = settings.bundle or ""
    if settings.action == "weigh":
        return variants.with_weight(bundle, settings.weight or 0.0)
    return variants.promoted(bundle) if settings.action == "promote" else variants.without(bundle)


def _verified(settings: RegistryVerb, registry: Registry, trusted: TrustedKeys | None) -> dict[str, Any]:
    try_bundle = import_quietly("models.isolation.bundle_trial").try_bundle
    open_registry = import_quietly("beam_jobs.registries.opening").open_registry
    champion = registry.standing().base().champion
    chosen = [settings.bundle] if settings.bundle is not None else registry.bundles()
    signed_by = {}
    copied = open_registry(settings.registry, trusted)
    for bundle in chosen:
        path = copied.bundle_path(bundle)
        signed_by[bundle] = [dataclasses.asdict(signer) for signer in artifact.signers(path, trusted)]
        first_loads.trials(settings.trial_limits).run(f"bundle {bundle}", try_bundle, path.absolute(), bundle)
    return {"verified": chosen, "champion": champion, "signed_by": signed_by}
