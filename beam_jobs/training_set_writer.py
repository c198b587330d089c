"""The end of a build: name the shards, check what was counted, write the manifest, then the marker."""

import collections
import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.rejected_rows import by_reason
from beam_jobs.shards import UnnamedShard, Written
from beam_jobs.split_statistics import UNSEEN
from models.training_set import KIND
from models.use_case import UseCase
from schemas import anomalies, artifact, fingerprint
from schemas.errors import InputError, OnegraphError
from transforms.graph import TransformGraph
from transforms.tfrecord import SUFFIXES

WORK = "unfinished"
STATISTICS = "statistics"
WRITTEN = "written.json"

Counts = collections.Counter[tuple[str, str]]


def save_written(bundles: Sequence[Written], path: str) -> None:
    """Keep what the bundles wrote as JSON, for the driver to read when the pipeline has ended."""
    facts = [
        {**dataclasses.asdict(one), "rejected_counts": [[*key, rows] for key, rows in one.rejected_counts.items()]}
        for one in bundles
    ]
    pathlib.Path(path).write_text(json.dumps(facts))


def load_written(path: str | pathlib.Path) -> Written:
    """Return what all bundles wrote together, shards in the order of the rows in them."""
    shards: dict[str, list[UnnamedShard]] = {}
    label_sums: collections.Counter[str] = collections.Counter()
    rejected: list[UnnamedShard] = []
    counts: Counts = collections.Counter()
    rows_read = 0
    for one in json.loads(pathlib.Path(path).read_text()):
        rows_read += one["rows_read"]
        for name, found in one["shards"].items():
            shards.setdefault(name, []).extend(map(_shard, found))
            label_sums[name] += one["label_sums"][name]
        rejected += map(_shard, one["rejected"])
        counts.update({(reason, path): rows for reason, path, rows in one["rejected_counts"]})
    ordered = {name: sorted(found, key=lambda shard: shard.start) for name, found in shards.items()}
    return Written(rows_read, ordered, dict(label_sums), sorted(rejected, key=lambda shard: shard.start), counts)


def check_written(written: Written, rows_read: int, data: Sequence[str]) -> dict[str, int]:
    """Return rows read, per split and rejected; raises where they do not add up or nothing can be learnt from them."""
    rows = {name: sum(shard.rows for shard in found) for name, found in written.shards.items()}
    rejected = written.rejected_counts.total()
    where = " ".join(data)
    if rows_read != sum(rows.values()) + rejected or rows_read != written.rows_read:
        raise OnegraphError(
            f"{where}: {rows_read} rows read, but written are {rows} and {rejected} rejected; build again elsewhere"
        )
    for name, count in rows.items():
        if not count:
            raise InputError(
                f"{where}: split {name} is empty ({rows_read} rows read, {rejected} rejected); give more data"
            )
    for name, label_sum in written.label_sums.items():
        if label_sum in (0.0, rows[name]):
            raise InputError(
                f"{where}: split {name} has one class only, the label is {label_sum / rows[name]:.0f} in all "
                f"{rows[name]} rows; give data with both, or check label() of the use case"
            )
    return {"read": rows_read, **rows, "rejected": rejected}


def finish(path: pathlib.Path, use_case: UseCase, compression: str, written: Written, rows: Mapping[str, int]) -> None:
    """Move the files of a checked build to their names and complete the artifact."""
    graph = TransformGraph.load(path / "graph")
    shards = {
        name: name_all(path, name, f"tfrecord{SUFFIXES[compression]}", found) for name, found in written.shards.items()
    }
    name_all(path, "rejected", "jsonl", written.rejected)
    work = path / WORK
    os.replace(work / STATISTICS, path / STATISTICS)
    unseen = path / STATISTICS / UNSEEN
    described = anomalies.describe(written.rejected_counts, json.loads(unseen.read_text()))
    (path / "anomalies.json").write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n")
    unseen.unlink()
    (path / "schema.pbtxt").write_text(use_case.schema.text())
    shutil.rmtree(work)
    facts: dict[str, Any] = {
        "use_case": use_case.name,
        "shards": shards,
        "feature_names": list(graph.feature_names),
        "feature_kinds": list(graph.feature_kinds),
        "slices": list(use_case.model.slices),
        "compression": compression,
        "schema_fingerprint": use_case.schema.fingerprint,
        "graph_fingerprint": graph.fingerprint,
    }
    names = [shard["name"] for found in shards.values() for shard in found]
    content = {**facts, "sha256": {name: fingerprint.of_file(path / name) for name in names}}
    counted = {
        "rows": dict(rows),
        "label_mean": {name: label_sum / rows[name] for name, label_sum in written.label_sums.items()},
        "rejected_by_reason": by_reason(written.rejected_counts),
    }
    artifact.complete(path, KIND, {**facts, **counted, "fingerprint": artifact.content_id(content)})


def _shard(found: Mapping[str, Any]) -> UnnamedShard:
    return UnnamedShard(found["path"], tuple(found["start"]), found["rows"])


def name_all(path: pathlib.Path, name: str, suffix: str, found: Sequence[UnnamedShard]) -> list[dict[str, Any]]:
    """Move finished files to `<name>-00000-of-00003.<suffix>` in `path`; return what a manifest says of them."""
    named = []
    for place, shard in enumerate(found):
        target = f"{name}-{place:05}-of-{len(found):05}.{suffix}"
        os.replace(shard.path, path / target)
        named.append({"name": target, "rows": shard.rows})
    return named
