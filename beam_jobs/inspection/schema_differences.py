"""What differs between two schemas, wherever they lie: files, bundles, training sets."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from beam_jobs.reports.terminal_text import shown
from beam_jobs.reports.text_table import table
from schemas.errors import InputError
from schemas.review.difference import differences
from schemas.schema import Schema

_HEAD = ("column", "what", "before", "after", "rejects more")


def look_at_difference(before: pathlib.Path, after: pathlib.Path) -> dict[str, Any]:
    """Return what differs from one schema to another; of a directory the schema in it."""
    found = differences(*(Schema.load(_schema_file(path)) for path in (before, after)))
    return {
        "kind": "schema_difference",
        "path": str(before),
        "against": str(after),
        "differences": [dataclasses.asdict(one) for one in found],
    }


def difference_text(found: Mapping[str, Any]) -> list[str]:
    """Return it for people; a column that is named twice differs in two ways."""
    rows = [
        [shown(one["column"]) or "(all)", one["what"], shown(one["before"]), shown(one["after"]), _yes(one["rejects"])]
        for one in found["differences"]
    ]
    against = shown(found["against"])
    if not rows:
        return [f"  the same as {against}"]
    more = sum(one["rejects"] for one in found["differences"])
    return [
        f"  before; after is {against}",
        *(f"  {line}" for line in table(_HEAD, rows, texts=[1, 2, 3, 4])),
        f"  {len(rows)} differences; records that were taken may be rejected by {more} of them",
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "-"


def _schema_file(path: pathlib.Path) -> pathlib.Path:
    if not path.exists():
        raise InputError(f"{path}: no such file or directory")
    if not path.is_dir():
        return path
    for file in (path / "schema.pbtxt", path / "graph" / "schema.pbtxt"):
        if file.is_file():
            return file
    raise InputError(f"{path}: no schema.pbtxt in it; give a schema file, a bundle or a training set")
