"""The table of kinds: what is at a path, told by its name and what lies in it, and how it is shown.

Modules are imported when something of their kind is met: a pointer is shown without Arrow.
"""

import importlib
import pathlib
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from beam_jobs.registries.listing import listing, listing_text
from beam_jobs.reports.terminal_text import shown
from models.registry.pointer import LIVE_FILE
from schemas.artifacts import artifact
from schemas.errors import ArtifactError

_WIDTH = 100
_GENERATION = re.compile(r"\d{6,9}\.json")
_FILES = "a TFRecord, statistics, predictions, rejected rows, a pointer or a schema"
_FOLDERS = "a registry, training set, candidate, evaluation, bundle, predictions, statistics or graph"


def look(path: pathlib.Path, limit: int) -> dict[str, Any]:
    """Return what is at a path, which exists, as plain values; `kind` says what it is."""
    if not path.is_file() and not path.is_dir():
        raise ArtifactError(f"{path}: neither a plain file nor a directory; wanted one of ours")
    return _look_at_file(path, limit) if path.is_file() else _look_at_folder(path, limit)


def text(found: Mapping[str, Any]) -> str:
    """Return what `look` found for people."""
    kind, path = found["kind"], found.get("path", "")
    if kind == "registry":
        return listing_text(dict(found))
    lines = _TEXTS[kind](found) if kind in _TEXTS else _module("beam_jobs.inspection.artifacts").text(found)
    whole = [f"{shown(path)}: {kind.replace('_', ' ')}", *lines]
    return "\n".join(part for line in whole for part in _wrapped(line))


def _wrapped(line: str) -> list[str]:
    """Return a line in parts that a terminal shows whole; tables fit as they are."""
    return textwrap.wrap(line, _WIDTH, subsequent_indent="      ") if len(line) > _WIDTH else [line]


def _look_at_folder(path: pathlib.Path, limit: int) -> dict[str, Any]:
    if (path / LIVE_FILE).exists() or (path / "bundles").is_dir():
        return {"kind": "registry", "path": str(path), **listing(str(path))}
    if (path / artifact.MANIFEST).exists() or (path / artifact.MARKER).exists():
        return _module("beam_jobs.inspection.artifacts").look(path, limit)
    if (path / "features.json").exists():
        return _found("graph", path, _module("beam_jobs.inspection.schemas").look_at_graph(path))
    if any(path.glob("*.pb")):
        return _found("statistics", path, _module("beam_jobs.inspection.statistics").look(path))
    if (path / "verdict.json").exists():
        return _found("evaluation", path, _module("beam_jobs.inspection.artifacts").look_at_evaluation(path))
    raise ArtifactError(
        f"{path}: neither a registry nor a directory with {artifact.MANIFEST}{_inside(path)}; wanted {_FOLDERS}, "
        "or a file"
    )


def _look_at_file(path: pathlib.Path, limit: int) -> dict[str, Any]:
    name = path.name.lower()
    if path.name in (artifact.MANIFEST, artifact.MARKER, artifact.SIGNATURES) or name in (
        "features.json",
        "verdict.json",
    ):
        return _look_at_folder(path.parent, limit)
    if path.name == LIVE_FILE or (path.parent.name == "history" and _GENERATION.fullmatch(path.name)):
        return _found("pointer", path, _module("beam_jobs.inspection.small_files").look_at_pointer(path))
    if path.name == "anomalies.json":
        return _found("anomalies", path, _module("beam_jobs.inspection.small_files").look_at_anomalies(path))
    if name.endswith(".pb"):
        return _found("statistics", path, _module("beam_jobs.inspection.statistics").look(path))
    if name.endswith(".pbtxt"):
        return _found("schema", path, _module("beam_jobs.inspection.schemas").look_at_schema(path))
    if name.startswith("rejected") and name.endswith(".jsonl"):
        return _found("rejected_rows", path, _module("beam_jobs.inspection.small_files").look_at_rejected(path, limit))
    if name.endswith(".parquet") and not _module("beam_jobs.inspection.predictions").is_predictions(path):
        return _found("raw_file", path, _module("beam_jobs.inspection.small_files").look_at_raw(path, "parquet"))
    if name.endswith((".jsonl", ".parquet")):
        return _found("predictions", path, _module("beam_jobs.inspection.predictions").look_at_file(path, limit))
    if name.endswith((".csv", ".csv.gz")):
        return _found("raw_file", path, _module("beam_jobs.inspection.small_files").look_at_raw(path, "csv"))
    if "tfrecord" not in name and name.endswith((".json", ".py", ".txt", ".toml", ".md", ".ubj")):
        raise ArtifactError(f"{path}: nothing that onegraph shows; wanted {_FILES}, or a directory")
    return _found("tfrecord", path, _module("beam_jobs.inspection.examples").look(path, limit))


def _found(kind: str, path: pathlib.Path, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "path": str(path), **values}


def _inside(path: pathlib.Path) -> str:
    """Return which files that could be looked at lie in a folder that itself is nothing."""
    some = sorted(
        one.name for one in path.iterdir() if one.name.lower().endswith((".csv", ".csv.gz", ".parquet", ".jsonl"))
    )
    shards = sorted(one.name for one in path.iterdir() if "tfrecord" in one.name)
    named = [*shards, *some]
    return f", but {shown(named[0])} lies in it" + (f" and {len(named) - 1} more" if named[1:] else "") if named else ""


def _module(name: str) -> Any:
    return importlib.import_module(name)


_TEXTS: Mapping[str, Any] = {
    "pointer": lambda found: _module("beam_jobs.inspection.small_files").pointer_text(found),
    "anomalies": lambda found: _module("beam_jobs.inspection.small_files").anomalies_text(found),
    "rejected_rows": lambda found: _module("beam_jobs.inspection.small_files").rejected_text(found),
    "raw_file": lambda found: _module("beam_jobs.inspection.small_files").raw_text(found),
    "statistics": lambda found: _module("beam_jobs.inspection.statistics").text(found["splits"]),
    "graph": lambda found: _module("beam_jobs.inspection.schemas").graph_text(found),
    "schema_difference": lambda found: _module("beam_jobs.inspection.schema_differences").difference_text(found),
    "schema": lambda found: _module("beam_jobs.inspection.schemas").schema_text(found),
    "tfrecord": lambda found: _module("beam_jobs.inspection.examples").text(found),
    "evaluation": lambda found: _module("beam_jobs.inspection.artifacts").evaluation_text(found),
    "predictions": lambda found: _module("beam_jobs.inspection.predictions").text(found),
}
