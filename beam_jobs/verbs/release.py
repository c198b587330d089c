"""`onegraph release`: an evaluated candidate becomes a bundle, and the registry lets it serve.

TensorFlow and the family's library are imported when a bundle is made, after everything that can be refused.
"""

import dataclasses
from typing import Any

from beam_jobs.cli.settings import Release
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.registries import first_loads
from beam_jobs.registries.planned_generation import planned_text
from beam_jobs.registries.registry_address import check_writable
from beam_jobs.registries.written_generation import generation, generation_text, now, who
from beam_jobs.tracking.telling import check_tracker, tell
from models.registry.pointer import Override, Pointer
from models.registry.registry import Registry
from models.registry.releasable import check_gates, check_releasable
from models.registry.standing import NEW, Standing
from schemas.artifacts.signature import Signer, key_fingerprint, load_private_key


def check(settings: Release) -> None:
    """Raise if the role cannot be had, or the candidate is not whole, not evaluated, did not pass its gates."""
    _planned(settings)


def plan(settings: Release) -> list[str]:
    """Return what would change. The bundle is made, in a child process, and thrown away: its id is its content's."""
    planned = _planned(settings)
    registry = Registry(settings.registry)
    bundle = planned.bundle
    if bundle is None or not first_loads.was_tried(settings.candidate):
        bundle = first_loads.made_in_trial(settings.candidate, settings.trial_limits)
    become = "is bundle {} of the registry already" if bundle in registry.bundles() else "would become bundle {}"
    lines = [f"candidate {settings.candidate} {become.format(bundle)}"]
    lines += [f"overridden would be: {gate}" for gate in planned.failed]
    if settings.sign_key_file is not None:
        lines.append(f"{bundle} would be signed by {_signer(settings.sign_key_file)}")
    return [*lines, *(line.replace(NEW, bundle) for line in planned_text(planned.now.pointer, planned.pointer))]


def run(settings: Release) -> dict[str, Any]:
    """Write the bundle and the next generation; return both."""
    _planned(settings)
    first_loads.try_first(settings.candidate, settings.trial_limits)
    import_quietly("models.registry.bundle")  # now and not before: TensorFlow and the family's library take seconds
    key = None if settings.sign_key_file is None else load_private_key(settings.sign_key_file)
    registry = Registry(settings.registry)
    before = registry.bundles()
    pointer = registry.release(
        *(settings.candidate, who(), now(), settings.why, settings.as_, settings.weight or 0.0, settings.experiment),
        sign_key=key,
        override=settings.override,
    )
    bundle = pointer.variants.newest(settings.as_)
    result = {
        "bundle": bundle,
        "role": settings.as_,
        "was": _role_before(registry, pointer, bundle),
        "released_before": bundle in before,
        **generation(pointer, settings.registry),
        **tell(settings.track, settings.candidate, settings.registry),
    }
    if settings.override is not None:
        result["override"] = pointer.overrides[bundle].to_json()
    return result if key is None else {**result, "signed_by": key_fingerprint(key.public_key())}


def describe(result: dict[str, Any]) -> str:
    """Return the result for people."""
    bundle, role, was = result["bundle"], result["role"], result["was"]
    said = [generation_text(result)]
    if was is not None:
        said.append(f"bundle {bundle} was {role} already" if was == role else f"bundle {bundle} was {was} until now")
    elif result["released_before"]:
        said.append(f"bundle {bundle} was in the registry already")
    if "override" in result:
        said.append(f"released though {'; '.join(result['override']['gates'])}: {result['override']['why']}")
    if "signed_by" in result:
        said.append(f"{bundle} signed by {Signer(result['signed_by'])}")
    return "; ".join(said)


@dataclasses.dataclass(frozen=True)
class _Planned:
    """How the registry stands, the bundle that the candidate became before, if any, and the generation to come.

    `failed` are the gates that said no and are overridden, in words.
    """

    now: Standing
    bundle: str | None
    pointer: Pointer
    failed: tuple[str, ...]


def _planned(settings: Release) -> _Planned:
    check_tracker(settings.track)
    check_writable(settings.registry)
    registry = Registry(settings.registry)
    registry.check_place()
    if settings.sign_key_file is not None:
        load_private_key(settings.sign_key_file)
    stands = registry.standing()
    opened, evaluation = check_releasable(settings.candidate)
    bundle = registry.bundle_of(opened, evaluation)
    failed = check_gates(settings.candidate, evaluation, stands.champion_besides(bundle or NEW), settings.override)
    variants = stands.joined(bundle or NEW, settings.as_, settings.weight or 0.0, settings.experiment)
    use_case = opened.manifest["use_case"] if bundle is None else None
    overrides = {}
    if settings.override is not None:
        overrides = {bundle or NEW: Override(who(), now(), settings.override, failed)}
    planned = registry.planned(stands, variants, who(), now(), settings.why, use_case, overrides)
    return _Planned(stands, bundle, planned, failed)


def _role_before(registry: Registry, pointer: Pointer, bundle: str) -> str | None:
    """Return what a bundle was in the generation before, None if it did not serve."""
    for one in registry.history():
        if one.generation == pointer.after:
            return one.variants.role(bundle) if bundle in one.variants.bundles else None
    return None


def _signer(key_file: str) -> Signer:
    return Signer(key_fingerprint(load_private_key(key_file).public_key()))
