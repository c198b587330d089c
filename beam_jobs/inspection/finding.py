"""What was found at a path: plain values that can be written as JSON, and the text of them for people."""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.reports.terminal_text import shown
from schemas.errors import ArtifactError
from schemas.plain_files import parse_json, read_plain
from schemas.rejection_counts import rejections_text

LARGEST_JSON = 64 * 1024 * 1024
_NEXT = "  next: "
_WAY = ("read", "train", "eval", "test", "scored", "rejected")


def read_json(path: pathlib.Path, kind: type, what: str) -> Any:
    """Return the value of a JSON file; raises `ArtifactError` for anything but a `kind`, saying `what` was wanted."""
    try:
        value = parse_json(read_plain(path, LARGEST_JSON))
    except ValueError as error:
        raise ArtifactError(f"{path}: not JSON ({error}); wanted {what}") from None
    return of_kind(value, kind, path, what)


def of_kind(value: Any, kind: type | tuple[type, ...], where: pathlib.Path | str, what: str) -> Any:
    """Return a value of a type; raises `ArtifactError` naming `where` for one of another."""
    if not isinstance(value, kind):
        raise ArtifactError(f"{where}: holds a {type(value).__name__}, wanted {what}; copy it again")
    return value


def rejections_of(manifest: Mapping[str, Any], where: pathlib.Path) -> list[dict[str, Any]]:
    """Return how many rows were rejected for what; manifests of before have the reasons alone."""
    if "rejections" in manifest:
        listed = of_kind(manifest["rejections"], list, where, "a list of rejections")
        for entry in listed:
            one = of_kind(entry, dict, where, "rejections with reason, field and count")
            if not isinstance(one.get("count"), int) or not {"reason", "field"} <= set(one):
                raise ArtifactError(f"{where}: holds a rejection without reason, field and count; copy it again")
        return listed
    counts = of_kind(manifest.get("rejected_by_reason", {}), dict, where, "rejected_by_reason to be an object")
    return [
        {"reason": reason, "field": "", "count": of_kind(count, int, where, "a count per reason")}
        for reason, count in counts.items()
    ]


def rejected_line(rejections: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for people of what was rejected."""
    return f"  rejected: {rejections_text(rejections, limit=20) or 'nothing'}"


def counts_text(counts: Mapping[str, Any]) -> str:
    """Return counts by name for people, those of a training set in the order of a row's way.

    >>> counts_text({"eval": 2313, "read": 15002, "train": 10442})
    'read 15,002, train 10,442, eval 2,313'
    """
    order = sorted(counts, key=lambda name: _WAY.index(name) if name in _WAY else len(_WAY))
    return ", ".join(f"{shown(name)} {_count(counts[name])}" for name in order) or "none"


def next_line(command: str) -> str:
    """Return the line that says what can be done with it."""
    return f"{_NEXT}onegraph {command}"


def text_of(value: Any) -> str:
    """Return any value in one line for people.

    >>> text_of({"a": [1, 2.5], "b": {}})
    'a 1, 2.5, b none'
    >>> text_of([None, float("nan")])
    '-, nan'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text_of(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value)) or "none"
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return shown(str(value))


def finite(value: float) -> float | None:
    """Return a number that JSON can hold, None for any other."""
    return value if math.isfinite(value) else None


def _count(value: Any) -> str:
    return f"{value:,}" if type(value) is int else text_of(value)
