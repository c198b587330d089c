"""A generation that was just written, as the verbs that write one report it; its author and time."""

import datetime
import getpass
from typing import Any

from models.registry.registry import Pointer


def who() -> str:
    """Return the name of the person whose process this is, for the pointer's history."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def generation(pointer: Pointer, registry: str) -> dict[str, Any]:
    """Return a generation as a verb's result."""
    return {"registry": registry, "generation": pointer.generation, **pointer.variants.to_json()}


def generation_text(result: dict[str, Any]) -> str:
    """Return for people who serves in a generation.

    >>> generation_text({"registry": "r", "generation": 3, "champion": "A", "challengers": [], "shadows": ["B"]})
    'r: generation 3, champion A, shadow B'
    """
    return f"{result['registry']}: generation {result['generation']}, {variants_text(result)}"


def variants_text(variants: dict[str, Any]) -> str:
    """Return who serves, from a pointer's JSON value.

    >>> variants_text({"champion": "A", "challengers": [{"bundle": "B", "weight": 0.1}], "shadows": []})
    'champion A, challenger B 0.1 of keys'
    """
    served = [f"champion {variants['champion']}"]
    served += [f"challenger {entry['bundle']} {entry['weight']:.6g} of keys" for entry in variants["challengers"]]
    served += [f"shadow {bundle}" for bundle in variants["shadows"]]
    return ", ".join(served)
