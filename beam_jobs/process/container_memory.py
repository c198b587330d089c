"""How much memory this process may still take: what its control groups, as those of a container, leave it."""

import math
import pathlib

_PROC, _MOUNT = "proc/self/cgroup", "sys/fs/cgroup"
# Of version 2 and of version 1: where below the mount, the limit, what is taken, and what of that can be given back.
_V2 = ("", "memory.max", "memory.current", ("inactive_file", "active_file"))
_V1 = ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file"))


def left(root: pathlib.Path = pathlib.Path("/")) -> float:
    """Return the bytes that are left, infinity if there is no limit; files in memory make room when it is needed."""
    try:
        lines = (root / _PROC).read_text().splitlines()
    except OSError:
        return math.inf
    limits = [math.inf]
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers or "memory" in controllers.split(","):
            below, limit, taken, given_back = _V1 if controllers else _V2
            mount = root / _MOUNT / below
            own = mount / path.lstrip("/")
            groups = (folder for folder in (own, *own.parents) if folder.is_relative_to(mount))
            limits += [_left_in(group, limit, taken, given_back) for group in groups]
    return min(limits)


def _left_in(group: pathlib.Path, limit: str, taken: str, given_back: tuple[str, ...]) -> float:
    try:
        most = float((group / limit).read_text())
        now = float((group / taken).read_text())
        said = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return max(0.0, most - now + sum(float(said[name]) for name in given_back))
    except (OSError, ValueError, KeyError):  # no such group, or "max"
        return math.inf
