"""`onegraph release`: an evaluated candidate becomes a bundle, and the registry points at it."""

import datetime
import getpass
from typing import Any

from beam_jobs.settings import Release
from models.bundle import check_releasable
from models.registry import Registry


def check(settings: Release) -> None:
    """Raise where the candidate is not whole, not evaluated, or did not pass its gates."""
    check_releasable(settings.candidate)


def run(settings: Release) -> dict[str, Any]:
    """Write the bundle and the next generation; return both."""
    registry = Registry(settings.registry)
    pointer = registry.release(settings.candidate, who(), now(), settings.why)
    return {"generation": pointer.generation, "bundle": pointer.champion, "registry": settings.registry}


def describe(result: dict[str, Any]) -> str:
    """Return the result for people."""
    return f"{result['registry']}: generation {result['generation']}, champion {result['bundle']}"


def who() -> str:
    """Return the name of the person whose process this is, for the pointer's history."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
