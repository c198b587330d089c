"""Where a bundle comes from, for people."""

from collections.abc import Mapping
from typing import Any

from beam_jobs.reports.terminal_text import shown

_LETTERS = 12


def lineage_text(found: Mapping[str, Any]) -> str:
    """Return a line for each step back, the nearest first; `found` is as `models.registry.lineage` returns it."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    model = f"{found['use_case']}, {found['family']}, {found['task']}, {found['rounds']:,} rounds"
    lines = [
        f"bundle {found['bundle']}: {model}",
        *(_release(one) for one in found["releases"]),
        f"  made with {versions}",
        f"  schema {found['schema_fingerprint'][:_LETTERS]}, graph {found['graph_fingerprint'][:_LETTERS]}",
        f"  training set {found['training_set_fingerprint'][:_LETTERS]}: {_training_set(found['training_set'])}",
    ]
    if not found["releases"]:
        lines.insert(1, "  no generation says who released it: an older version wrote it")
    return "\n".join(map(shown, lines))


def _release(one: Mapping[str, Any]) -> str:
    why = f": {one['why']}" if one["why"] else ""
    commit = one["commit"] or "no commit"
    return f"  generation {one['generation']}, {one['when']}, {one['who']}{why}; candidate {one['candidate']}, {commit}"


def _training_set(found: Mapping[str, Any]) -> str:
    if not found["found"]:
        return f"not looked at, {found['why']}"
    rows = ", ".join(f"{name} {count:,}" for name, count in found["rows"].items())
    parts = ", ".join(f"{name} {value[:_LETTERS]}" for name, value in sorted(found["made_from"].items()))
    return f"{found['path']}, rows: {rows}; made of {parts or 'it does not say what'}"
