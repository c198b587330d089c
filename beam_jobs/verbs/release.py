"""`onegraph release`: an evaluated candidate becomes a bundle, and the registry lets it serve."""

import datetime
import getpass
from typing import Any

from beam_jobs.cli.settings import Release
from beam_jobs.registries import first_loads
from beam_jobs.registries.copied_registry import check_writable
from models.registry.bundle import check_releasable
from models.registry.registry import Pointer, Registry
from models.variants.variants import CHALLENGER, CHAMPION
from schemas.artifacts.signature import Signer, key_fingerprint, load_private_key
from schemas.errors import UsageError


def check(settings: Release) -> None:
    """Raise where the role makes no sense, or the candidate is not whole, not evaluated, did not pass its gates."""
    check_writable(settings.registry)
    _ = settings.trial_limits  # raises where they make no sense
    if settings.as_ == CHALLENGER and settings.weight is None:
        raise UsageError("--as challenger wants --weight, the share of keys that it gets, as in --weight 0.1")
    if settings.as_ != CHALLENGER and settings.weight is not None:
        raise UsageError(f"--weight is for a challenger, --as is {settings.as_}")
    if settings.sign_key_file is not None:
        load_private_key(settings.sign_key_file)
    check_releasable(settings.candidate)
    if settings.as_ != CHAMPION:
        Registry(settings.registry).standing().base()


def run(settings: Release) -> dict[str, Any]:
    """Write the bundle and the next generation; return both."""
    check(settings)
    role, weight = settings.as_, settings.weight or 0.0
    first_loads.try_candidate(settings.candidate, settings.trial_limits)
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


def generation(pointer: Pointer, registry: str) -> dict[str, Any]:
    """Return a generation that was just written, as every verb that writes one does."""
    return {"registry": registry, "generation": pointer.generation, **pointer.variants.to_json()}


def generation_text(result: dict[str, Any]) -> str:
    """Return for people who serves in a generation: `generation 3, champion A, challenger B 10%, shadow C`."""
    return f"{result['registry']}: generation {result['generation']}, {variants_text(result)}"


def variants_text(variants: dict[str, Any]) -> str:
    """Return who serves, from a pointer's JSON value."""
    served = [f"champion {variants['champion']}"]
    served += [f"challenger {one['bundle']} {one['weight']:.6g} of keys" for one in variants["challengers"]]
    served += [f"shadow {bundle}" for bundle in variants["shadows"]]
    return ", ".join(served)


def who() -> str:
    """Return the name of the person whose process this is, for the pointer's history."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
