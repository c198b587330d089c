"""What the next generation of a registry would change, for people, before it is written."""

from beam_jobs.registries.written_generation import variants_text
from models.registry.pointer import Pointer
from models.variants.variants import CHALLENGER, Variants


def planned_text(now: Pointer | None, planned: Pointer) -> list[str]:
    """Return a line per change of a role or a weight, and one that says who would serve then.

    >>> one = Pointer(4, Variants("A", shadows=("C",)).with_challenger("B", 0.1), "", "", "")
    >>> for line in planned_text(one, Pointer(5, one.variants.promoted("B"), "", "", "")):
    ...     print(line)
    champion would be B in place of A, generation 5
    A would serve no longer, it is champion now
    then serve: champion B, shadow C
    """
    before = now.variants if now is not None else None
    after = planned.variants
    old = before.champion if before is not None else None
    if old is None:
        first = f"champion would be {after.champion}, the first one, generation {planned.generation}"
    elif old == after.champion:
        first = f"champion would be {old} as now, generation {planned.generation}"
    else:
        first = f"champion would be {after.champion} in place of {old}, generation {planned.generation}"
    lines = [first, *_others(before, after)]
    if before is not None and before.experiment != after.experiment:
        lines.append(f"experiment would be {after.experiment!r}, now {before.experiment!r}: keys are dealt anew")
    return [*lines, f"then serve: {variants_text(after.to_json())}"]


def _others(before: Variants | None, after: Variants) -> list[str]:
    was = {bundle: before.role(bundle) for bundle in before.bundles} if before is not None else {}
    lines = []
    for bundle in after.bundles[1:]:
        role, old = after.role(bundle), was.get(bundle)
        weight = _weight(after, bundle)
        share = f" of {weight:.6g} of keys" if role == CHALLENGER else ""
        if old is None:
            lines.append(f"{bundle} would be {role}{share}")
        elif old != role:
            lines.append(f"{bundle} would be {role}{share}, it is {old} now")
        elif role == CHALLENGER and before is not None and _weight(before, bundle) != weight:
            lines.append(f"{bundle} would have {weight:.6g} of keys, now {_weight(before, bundle):.6g}")
    gone = [bundle for bundle in was if bundle not in after.bundles]
    lines += [f"{bundle} would serve no longer, it is {was[bundle]} now" for bundle in gone]
    return lines


def _weight(variants: Variants, bundle: str) -> float:
    return next((one.weight for one in variants.challengers if one.bundle == bundle), 0.0)
