"""TFRecord shards of examples."""

import itertools
import pathlib
from collections.abc import Mapping
from typing import Any

from beam_jobs.inspection.finding import finite, text_of
from beam_jobs.reports.terminal_text import shown
from schemas.errors import ArtifactError
from transforms.examples.example_values import example_values
from transforms.examples.tfrecord import read_shard


def look(path: pathlib.Path, limit: int) -> dict[str, Any]:
    """Return how many records a shard has and the first of them; every checksum is compared."""
    records = (record for block in read_shard(path) for record in block)
    found: list[dict[str, Any]] = []
    for record in itertools.islice(records, limit):
        try:
            values = example_values(record)
        except ValueError as error:
            raise ArtifactError(f"{path}: record {len(found)} is {error}") from None
        found.append({name: _readable(part) for name, part in values.items()})
    return {"records": len(found) + sum(1 for _ in records), "examples": found}


def text(found: Mapping[str, Any]) -> list[str]:
    """Return the first examples for people."""
    lines = [f"  {found['records']:,} examples"]
    for number, example in enumerate(found["examples"]):
        lines.append(f"example {number}")
        width = max(map(len, example), default=0)
        lines += [f"  {shown(name):<{width}}  {text_of(part)}" for name, part in example.items()]
    return lines


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return finite(value) if isinstance(value, float) else value


def _readable(values: list[Any]) -> Any:
    readable = [_plain(value) for value in values]
    return readable[0] if len(readable) == 1 else readable
