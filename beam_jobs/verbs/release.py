"""`onegraph release`: an evaluated candidate becomes a bundle, and the registry lets it serve."""

from typing import Any

from beam_jobs.cli.settings import Release
from beam_jobs.registries import first_loads
from beam_jobs.registries.registry_address import check_writable
from beam_jobs.registries.written_generation import generation, generation_text, now, who
from models.registry.bundle import check_releasable
from models.registry.registry import Registry
from models.variants.variants import CHAMPION
from schemas.artifacts.signature import Signer, key_fingerprint, load_private_key


def check(settings: Release) -> None:
    """Raise if the candidate is not whole, not evaluated, did not pass its gates."""
    check_writable(settings.registry)
    if settings.sign_key_file is not None:
        load_private_key(settings.sign_key_file)
    check_releasable(settings.candidate)
    if settings.as_ != CHAMPION:
        Registry(settings.registry).standing().base()


def run(settings: Release) -> dict[str, Any]:
    """Write the bundle and the next generation; return both."""
    check(settings)
    role, weight = settings.as_, settings.weight or 0.0
    first_loads.try_first(settings.candidate, settings.trial_limits)
    key = None if settings.sign_key_file is None else load_private_key(settings.sign_key_file)
    pointer = Registry(settings.registry).release(
        settings.candidate, who(), now(), settings.why, role, weight, settings.experiment, key
    )
    result = {"bundle": pointer.variants.newest(role), "role": role, **generation(pointer, settings.registry)}
    return result if key is None else {**result, "signed_by": key_fingerprint(key.public_key())}


def describe(result: dict[str, Any]) -> str:
    """Return the result for people."""
    signed = f"; {result['bundle']} signed by {Signer(result['signed_by'])}" if "signed_by" in result else ""
    return generation_text(result) + signed
