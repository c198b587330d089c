"""All that a registry holds: bundles with their roles and signatures, every generation, what cannot be read."""

import dataclasses
import pathlib
from typing import Any

from beam_jobs.registries.bundle_text import signed_text
from beam_jobs.registries.written_generation import variants_text
from beam_jobs.reports.override_text import override_text
from beam_jobs.reports.terminal_text import shown
from models.registry.registry import Registry
from models.registry.standing import BUNDLES
from models.scoring.manifest import check_manifest
from models.variants.variants import Variants
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.signature import TrustedKeys
from schemas.errors import ArtifactError


def listing(registry: str, trusted: TrustedKeys | None = None) -> dict[str, Any]:
    """Return what is in a registry directory, as it can be written as JSON; `trusted` gives signatures their names.

    A bundle that is not whole, or missing, is in `broken` with what is wrong; only `registry verify` compares bytes.
    """
    opened = Registry(registry)
    stands = opened.standing()
    serving = stands.pointer.to_json() if stands.pointer is not None else None
    bundles = opened.bundles()
    named = {*opened.folders(), *(stands.pointer.variants.bundles if stands.pointer is not None else ())}
    broken = {bundle: said for bundle in sorted(named) if (said := _trouble(opened, bundle))}
    return {
        "registry": registry,
        "live": serving if stands.live else None,
        "bundles": bundles,
        "broken": broken,
        "signed_by": {bundle: _signed_by(opened.path / BUNDLES / bundle, trusted) for bundle in bundles},
        "champion": serving["champion"] if serving is not None else None,
        "generations": [pointer.to_json() for pointer in stands.history],
        "troubles": stands.troubles,
    }


def listing_text(listed: dict[str, Any]) -> str:
    """Return a listing for people, a line for each bundle and each generation."""
    count, broken = len(listed["bundles"]), listed["broken"]
    lines = [f"{listed['registry']}: {count} bundle{'' if count == 1 else 's'}", *listed["troubles"]]
    live = Variants.from_json(listed["live"]) if listed["live"] else None
    for bundle in sorted({*listed["bundles"], *broken}):
        role = live.role(bundle) if live is not None and bundle in live.bundles else ""
        said = f"BROKEN: {broken[bundle]}" if bundle in broken else signed_text(listed["signed_by"][bundle])
        lines.append("  ".join(filter(None, [f"  {bundle}", role, said])))
    for pointer in listed["generations"]:
        lines.append(
            f"  generation {pointer['generation']}: {variants_text(pointer)}  {pointer['when']}  {pointer['who']}"
            f"{'  ' + pointer['why'] if pointer['why'] else ''}"
        )
        lines += [f"    {bundle} {override_text(one)}" for bundle, one in pointer.get("overrides", {}).items()]
    return "\n".join(map(shown, lines))


def _trouble(registry: Registry, bundle: str) -> str:
    """Return what is wrong with a bundle's directory, empty if nothing can be seen."""
    try:
        path = registry.bundle_path(bundle)
        check_manifest(artifact.open_artifact(path, ArtifactKind.BUNDLE).manifest, str(path))
    except (ArtifactError, OSError) as error:
        return str(error)
    return ""


def _signed_by(path: pathlib.Path, trusted: TrustedKeys | None) -> list[dict[str, str | None]] | None:
    """Return who signed a bundle, None if a signature is not one of its manifest."""
    try:
        return [dataclasses.asdict(signer) for signer in artifact.signers(path, trusted)]
    except (ArtifactError, OSError):
        return None
