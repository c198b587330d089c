"""Completed training sets with statistics and no shards, made in a moment: what pages are made of."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.artifacts import artifact
from schemas.schema import Schema
from schemas.statistics.columns import ColumnStatistics

SCHEMA = Schema.from_text("""
feature { name: "trip" type: INT annotation { tag: "id" } }
feature { name: "at" type: INT annotation { tag: "event_time:s" } }
feature { name: "fare" type: FLOAT }
feature { name: "hour" type: INT }
feature { name: "town <b>" type: BYTES }
feature { name: "tags" type: BYTES value_count { min: 1 } }
feature { name: "driver" type: BYTES annotation { tag: "personal:hash" } }
feature { name: "age" type: INT annotation { tag: "personal:bucket" } }
feature { name: "constant" type: FLOAT }
feature { name: "empty" type: FLOAT }
""")


def rows_of(count: int, seed: int, shift: float = 0.0) -> pa.RecordBatch:
    """Return rows; `shift` moves the fares."""
    random = np.random.default_rng(seed)
    rows = {
        "trip": random.permutation(10**6)[:count],
        "at": 1_700_000_000 + random.integers(0, 10**7, count),
        "fare": (random.lognormal(2, 0.7, count) * (1 + shift)).astype(np.float32),
        "hour": random.integers(0, 24, count),
        "town <b>": random.choice(["<script>alert(1)</script>", "there", "x" * 300], count).tolist(),
        "tags": [["a"] * int(length) for length in random.integers(1, 4, count)],
        "driver": [f"Jane Doe {number}" for number in random.integers(0, 9, count)],
        "age": random.integers(91_000, 91_009, count),
        "constant": np.full(count, 4.25, np.float32),
        "empty": pa.nulls(count, pa.float32()),
    }
    return pa.RecordBatch.from_pydict(rows, SCHEMA.arrow_schema)


def write_set(
    path: pathlib.Path,
    splits: Mapping[str, pa.RecordBatch],
    anomalies: Mapping[str, Any] | None = None,
    rejections: Sequence[Mapping[str, Any]] = (),
    weighted: bool = False,
) -> pathlib.Path:
    """Write a training set of these rows, sliced by `hour`."""
    folder = artifact.create(path, "training_set")
    (folder / "statistics").mkdir()
    for name, rows in splits.items():
        statistics = ColumnStatistics(SCHEMA, slices=("hour",), weighted=weighted)
        statistics.add(rows, np.full(rows.num_rows, 0.5, np.float32) if weighted else None)
        (folder / "statistics" / f"{name}.pb").write_bytes(statistics.to_proto(name).SerializeToString())
    (folder / "anomalies.json").write_text(json.dumps(anomalies or {"rejections": [], "unseen": {}, "anomalies": []}))
    (folder / "schema.pbtxt").write_text(SCHEMA.text())
    counts = {name: rows.num_rows for name, rows in splits.items()}
    rejected = sum(one["count"] for one in rejections)
    facts = {
        "use_case": "trips",
        "fingerprint": "0123456789abcdef" * 4,
        "rows": {"read": sum(counts.values()) + rejected, **counts, "rejected": rejected},
        "label_mean": dict.fromkeys(counts, 0.25),
        "feature_names": ["fare", "hour"],
        "slices": ["hour"],
        "rejections": list(rejections),
    }
    artifact.complete(folder, "training_set", facts)
    return folder
