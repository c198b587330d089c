"""What a garbage collection removes from a registry, for people."""

from collections.abc import Mapping
from typing import Any

from beam_jobs.reports.terminal_text import shown

_MIB = 1024 * 1024


def garbage_text(registry: str, found: Mapping[str, Any], how: str) -> list[str]:
    """Return a line for each thing; `found` is a `Garbage` as JSON, `how` says whether it is done.

    >>> one = {"generations": [1, 2], "bundles": ["a1"], "leftovers": [], "bytes": 3145728, "kept": ["b2", "c3"]}
    >>> print("\\n".join(garbage_text("work/registry", one, "removed")))
    work/registry: 2 bundles stay; 3.0 MiB removed
      generations 1, 2 removed
      bundle a1 removed
    """
    size = f"{found['bytes'] / _MIB:,.1f} MiB {how}"
    kept = len(found["kept"])
    lines = [f"{registry}: {kept} bundle{'' if kept == 1 else 's'} stay{'s' if kept == 1 else ''}; {size}"]
    numbers = found["generations"]
    if numbers:
        lines.append(f"  generation{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))} {how}")
    lines += [f"  bundle {bundle} {how}" for bundle in found["bundles"]]
    return lines + [f"  {shown(name)}, left by a writer that was stopped, {how}" for name in found["leftovers"]]
