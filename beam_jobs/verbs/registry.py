"""`onegraph registry`: what is released, who signed it, whether every byte is as it was, and who serves."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from beam_jobs.cli.settings import RegistryVerb
from beam_jobs.registries import first_loads
from beam_jobs.registries.copied_registry import check_writable, open_registry
from beam_jobs.verbs.release import generation, generation_text, now, variants_text, who
from models.isolation.bundle_trial import try_bundle
from models.registry.registry import Registry, describe_bundle
from models.variants.variants import Variants
from schemas.artifacts import artifact
from schemas.artifacts.signature import Signer, TrustedKeys, load_private_key
from schemas.errors import ArtifactError, InputError, UsageError

_CHANGES = ("promote", "weigh", "remove")


def check(settings: RegistryVerb) -> None:
    """Raise where the registry or the bundle is not there."""
    if settings.action in (*_CHANGES, "sign"):
        check_writable(settings.registry)
    if not pathlib.Path(settings.registry).is_dir():
        raise InputError(f"{settings.registry}: no such registry directory")
    if settings.action == "list" and settings.bundle is not None:
        raise InputError(f"registry list takes no bundle, got {settings.bundle!r}")
    if settings.action in (*_CHANGES, "sign") and settings.bundle is None:
        raise UsageError(f"registry {settings.action} wants a bundle id; `onegraph registry list` shows them")
    if (settings.action == "weigh") != (settings.weight is not None):
        raise UsageError("--weight is for `registry weigh`, which wants it, as in --weight 0.1")
    if (settings.action == "sign") != (settings.sign_key_file is not None):
        raise UsageError("--sign-key-file is for `registry sign`, which wants it: the PEM file of a private key")
    if settings.sign_key_file is not None:
        load_private_key(settings.sign_key_file)
    TrustedKeys.of(settings.trusted_keys)
    _ = settings.trial_limits  # raises where they make no sense
    registry = Registry(settings.registry)
    if settings.action in _CHANGES:
        _changed(settings, registry.standing().base().variants)
    elif settings.bundle is not None:
        registry.bundle_path(settings.bundle)


def run(settings: RegistryVerb) -> dict[str, Any]:
    """Return the findings, or the generation that was written.

    `verify` raises for the first bundle that is altered, scores its golden rows otherwise, has a signature of another
    manifest, or where keys are trusted, none of theirs.
    """
    check(settings)
    trusted = TrustedKeys.of(settings.trusted_keys)
    registry = Registry(settings.registry)
    if settings.action == "list":
        stands = registry.standing()
        serving = stands.pointer.to_json() if stands.pointer is not None else None
        bundles = registry.bundles()
        found = {"registry": settings.registry, "live": serving if stands.live else None, "bundles": bundles}
        found["signed_by"] = {bundle: _signed_by(registry.path / "bundles" / bundle, trusted) for bundle in bundles}
        found["champion"] = serving["champion"] if serving is not None else None
        return {**found, "generations": [one.to_json() for one in stands.history], "troubles": stands.troubles}
    if settings.action in _CHANGES:
        pointer = Registry(settings.registry, trusted).change(
            lambda stands: _changed(settings, stands.base().variants), who(), now(), settings.why
        )
        return generation(pointer, settings.registry)
    if settings.action == "sign":
        registry.sign(settings.bundle or "", load_private_key(settings.sign_key_file or ""))
    champion = registry.standing().base().champion
    if settings.action in ("show", "sign"):
        return {"bundle": describe_bundle(registry.bundle_path(settings.bundle or champion), trusted)}
    chosen = [settings.bundle] if settings.bundle is not None else registry.bundles()
    signed_by = {}
    copied = open_registry(settings.registry, trusted)
    for bundle in chosen:
        path = copied.bundle_path(bundle)
        signed_by[bundle] = [dataclasses.asdict(one) for one in artifact.signers(path, trusted)]
        first_loads.trials(settings.trial_limits).run(f"bundle {bundle}", try_bundle, path.absolute(), bundle)
    return {"verified": chosen, "champion": champion, "signed_by": signed_by}


def describe(result: dict[str, Any]) -> str:
    """Return the findings for people."""
    if "verified" in result:
        return "\n".join(
            f"bundle {bundle}: every byte and every golden row as it was; {_signed_text(result['signed_by'][bundle])}"
            for bundle in result["verified"]
        )
    if "bundle" in result:
        return bundle_text(result["bundle"])
    if "generation" in result:
        return generation_text(result)
    lines = [f"{result['registry']}: {len(result['bundles'])} bundles", *result["troubles"]]
    live = Variants.from_json(result["live"]) if result["live"] else None
    for bundle in result["bundles"]:
        role = live.role(bundle) if live is not None and bundle in live.bundles else ""
        lines.append("  ".join(filter(None, [f"  {bundle}", role, _signed_text(result["signed_by"][bundle])])))
    for pointer in result["generations"]:
        lines.append(
            f"  generation {pointer['generation']}: {variants_text(pointer)}  {pointer['when']}  {pointer['who']}"
            f"{'  ' + pointer['why'] if pointer['why'] else ''}"
        )
    return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    r"""Return a line as it is safe to show; whoever wrote a pointer may have put anything into it.

    >>> _printable("why\x1b[2J")
    'why\\x1b[2J'
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)


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
            f"  {_signed_text(bundle['signed_by'])}",
        ]
    )


def _signed_by(path: pathlib.Path, trusted: TrustedKeys | None) -> list[dict[str, str | None]] | None:
    """Return who signed a bundle, None where a signature is not one of its manifest."""
    try:
        return [dataclasses.asdict(one) for one in artifact.signers(path, trusted)]
    except (ArtifactError, OSError):
        return None


def _signed_text(signed_by: Sequence[dict[str, str | None]] | None) -> str:
    """Return who signed, for people.

    >>> _signed_text([{"key": "f" * 64, "name": "release.pem"}]), _signed_text([])
    ('signed by release.pem (ffffffffffffffff)', 'not signed')
    """
    if signed_by is None:
        return "SIGNATURE DOES NOT FIT"
    names = [str(Signer(one["key"] or "", one["name"])) for one in signed_by]
    return f"signed by {', '.join(names)}" if names else "not signed"
