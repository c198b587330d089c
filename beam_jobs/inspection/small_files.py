"""Small files of ours by their names: a pointer, anomalies, rejected rows; and raw files, which are for other verbs."""

import collections
import gzip
import itertools
import pathlib
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from beam_jobs.inspection.finding import next_line, of_kind, read_json, text_of
from beam_jobs.registries.written_generation import variants_text
from beam_jobs.reports.terminal_text import shown
from beam_jobs.reports.text_table import table
from beam_jobs.sets.anomaly_files import read_anomalies
from beam_jobs.sets.set_text import NO_ANOMALIES, anomaly_lines
from models.registry.pointer import read_pointer
from models.training.test_rows import FACT
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError
from schemas.plain_files import open_plain
from schemas.rejection_counts import rejections, rejections_text

_LONGEST_HEADER = 65_536
_PLACE = ("file", "row", "reason", "stage", "path")


def look_at_pointer(path: pathlib.Path) -> dict[str, Any]:
    """Return what a pointer says; raises `ArtifactError` for what is none."""
    pointer = read_pointer(path)
    if pointer is None:
        raise ArtifactError(f"{path}: missing; copy it again")
    return pointer.to_json()


def pointer_text(found: Mapping[str, Any]) -> list[str]:
    """Return who serves, for people."""
    said = [f"{found['when']} by {found['who']}", found["why"]]
    return [
        f"  generation {found['generation']}: {variants_text(dict(found))}",
        "  " + shown("; ".join(filter(None, said))),
    ]


def look_at_anomalies(path: pathlib.Path) -> dict[str, Any]:
    """Return what in the data of a training set differs from its schema."""
    found = read_json(path, dict, "the anomalies of a training set")
    for one in of_kind(found.get("rejections", []), list, path, "'rejections' to be a list"):
        of_kind(one, dict, path, "'rejections' to be a list of objects")
    for name, split in of_kind(found.get("unseen", {}), dict, path, "'unseen' to be an object").items():
        for column in of_kind(split, dict, path, f"the unseen strings of {name}").values():
            of_kind(column, dict, path, f"the unseen strings of {name} by column")
    listed = [anomaly.to_json() for anomaly in read_anomalies(found, path)]
    return {"rejections": found.get("rejections", []), "unseen": found.get("unseen", {}), "anomalies": listed}


def anomalies_text(found: Mapping[str, Any]) -> list[str]:
    """Return anomalies for people, a table each."""
    rejected = [[text_of(one.get(name)) for name in ("reason", "field", "count")] for one in found["rejections"]]
    lines = _listed("rejected rows", ("reason", "field", "rows"), rejected, [1])
    unseen = [
        [
            shown(column),
            shown(split),
            text_of(one.get("rows")),
            text_of(one.get("distinct")),
            text_of(one.get("values", "-")),
        ]
        for split, columns in found["unseen"].items()
        for column, one in columns.items()
    ]
    lines += anomaly_lines(found["anomalies"]) or [NO_ANOMALIES]
    head = ("column", "split", "rows", "distinct", "strings")
    return lines + _listed("strings outside their domains", head, unseen, [1, 4])


def look_at_rejected(path: pathlib.Path, limit: int) -> dict[str, Any]:
    """Return how many rows were rejected for what, and where the first of them stood; their bytes stay in the file."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    first: list[dict[str, Any]] = []
    with open_plain(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                entry = decode(line)
                counts[str(entry["reason"]), str(entry["path"])] += 1
            except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
                raise ArtifactError(
                    f"{path}: line {number} is no rejected row; wanted JSON with reason and path"
                ) from None
            if len(first) < limit:
                first.append({name: entry.get(name) for name in _PLACE})
    return {"rows": counts.total(), "rejections": rejections(counts), "first": first}


def rejected_text(found: Mapping[str, Any]) -> list[str]:
    """Return rejected rows for people."""
    lines = [f"  {found['rows']:,} rejected rows: {rejections_text(found['rejections'], limit=20) or 'none'}"]
    rows = [
        [text_of(one["file"]), str(one["row"]), *map(text_of, (one["reason"], one["path"]))] for one in found["first"]
    ]
    lines += [f"  {line}" for line in table(("file", "row", "reason", "field"), rows, [2, 3])] if rows else []
    return [*lines, "  their bytes as they came stand in the file, under `value`"]


def look_at_raw(path: pathlib.Path, format: str) -> dict[str, Any]:
    """Return the names in the first line of a CSV file, or of a Parquet file's columns.

    Of the latter `test_rows` says whether they are those that the training set in their folder keeps.
    """
    if format == "parquet":
        from beam_jobs.inspection.predictions import parquet_columns  # Arrow's Parquet, which takes its time

        return {"format": format, "columns": parquet_columns(path), FACT: _are_test_rows(path)}
    try:
        with open_plain(path) as raw:
            opened = gzip.GzipFile(fileobj=raw) if path.name.lower().endswith(".gz") else raw
            line = opened.readline(_LONGEST_HEADER).decode("utf-8-sig").rstrip("\r\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "not gzip, or cut short"
        raise ArtifactError(f"{path}: its first line cannot be read: {why}; wanted CSV in UTF-8") from None
    names = [name.strip('"') for name in line.split(",")]
    are_names = len(set(names)) == len(names) and not any(_is_number(name) for name in names)
    return {"format": format, "columns": names if are_names else None}


def raw_text(found: Mapping[str, Any]) -> list[str]:
    """Return what a raw file is and what can be done with it."""
    columns = found["columns"]
    if found.get(FACT):
        return [
            "  raw test rows of a training set, as its graph takes them",
            f"  {len(columns)} columns: {text_of(columns)}",
        ]
    lines = ["  raw rows, nothing that onegraph wrote"]
    lines.append(
        "  its first line has no names of columns"
        if columns is None
        else f"  {len(columns)} columns: {text_of(columns)}"
    )
    if found["format"] == "parquet":
        return [*lines, "  raw files are read as CSV: write it as .csv or .csv.gz first"]
    return [
        *lines,
        next_line(f"build_training_set --use-case NAME --data {shown(found['path'])} --output DIRECTORY"),
        next_line(f"score_batch --registry DIRECTORY --data {shown(found['path'])} --output DIRECTORY").replace(
            "next", "or", 1
        ),
    ]


def _are_test_rows(path: pathlib.Path) -> bool:
    try:
        kept = artifact.open_artifact(path.parent, ArtifactKind.TRAINING_SET).manifest.get(FACT)
    except ArtifactError:
        return False
    listed = kept if isinstance(kept, list) else []
    return any(isinstance(one, dict) and one.get("name") == path.name for one in listed)


def _is_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return False
    return True


def _listed(title: str, head: tuple[str, ...], rows: list[list[str]], texts: list[int]) -> list[str]:
    if not rows:
        return [f"  {title}: none"]
    return [f"  {title}", *(f"    {line}" for line in table(head, list(itertools.chain(rows)), texts))]
