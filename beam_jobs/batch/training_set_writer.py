"""The end of a build: name the shards, check what was counted, write the manifest, then the marker."""

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from beam_jobs.batch.file_job import NewDirectory, check_rows_add_up
from beam_jobs.batch.kept_rejections import keep_rejected
from beam_jobs.batch.split_statistics import SEEN
from beam_jobs.batch.written_files import REJECTED, Written, name_all
from models.training import labels
from models.training.training_set import FORMAT
from models.use_case import UseCase
from schemas import fingerprint
from schemas.artifacts import artifact
from schemas.artifacts.artifact import Artifact
from schemas.errors import InputError, OnegraphError
from schemas.personal.treatments import Treatments
from schemas.statistics import anomalies
from transforms.examples.tfrecord import SUFFIXES
from transforms.graph.graph import FEATURES, graph_fingerprint

STATISTICS = "statistics"
ANOMALIES = "anomalies.json"


def together(spooled: Written, written: Written) -> Written:
    """Return what both passes wrote: the rows that the second kept, and what each rejected."""
    return Written(
        files=written.files | {REJECTED: [*spooled.files[REJECTED], *written.files.get(REJECTED, [])]},
        rows_read=spooled.rows_read,
        split_rows=written.split_rows,
        label_sums=written.label_sums,
        rejected_counts=spooled.rejected_counts + written.rejected_counts,
    )


def check_counts(counted: Written, rows_read: int, data: Sequence[str], output: pathlib.Path) -> None:
    """Raise if the rows of a pass do not add up, or nothing can be learnt from them.

    If rows were rejected, that may be why: they are kept beside the unfinished directory `output`, and counted.
    """
    where = " ".join(data)
    rows, rejected = counted.split_rows, counted.rejected_counts.total()
    if rejected == rows_read == counted.rows_read and rejected:
        raise InputError(f"{where}: {keep_rejected(output, counted)}")
    check_rows_add_up(counted, rows_read, sum(rows.values()), f"kept are {rows}", data, "build again elsewhere")
    for name, count in rows.items():
        if not count:
            why = keep_rejected(output, counted) if rejected else f"{rows_read:,} rows read; give more data"
            raise InputError(f"{where}: split {name} is empty, {why}")
    for name, label_sum in counted.label_sums.items():
        if label_sum in (0.0, rows[name]):
            why = f"; {keep_rejected(output, counted)}" if rejected else ""
            raise InputError(
                f"{where}: split {name} has one class only, the label is {label_sum / rows[name]:.0f} in all "
                f"{rows[name]} rows; give data with both, or check label() of the use case{why}"
            )


def check_labels(spooled: Written, transform: pathlib.Path) -> None:
    """Raise if `label` gave values that the task does not allow."""
    if spooled.first_wrong_label is not None:
        (_, row), name = spooled.first_wrong_label
        raise InputError(
            f"{transform}: label() gave {labels.in_words(spooled.wrong_labels)}, first at {name} row "
            f"{row} (the row below the header is 0); it must give {labels.WANTED}"
        )


def finish(
    output: NewDirectory, use_case: UseCase, treatments: Treatments, compression: str, written: Written
) -> Artifact:
    """Move the files of a build to their names and complete the artifact; raises if a shard lacks rows."""
    path = output.path
    for name, rows in written.split_rows.items():
        if rows != written.rows(name):
            raise OnegraphError(
                f"{path}: split {name} has {rows} rows, its shards {written.rows(name)}; build again elsewhere"
            )
    features = json.loads((path / "graph" / FEATURES).read_text())["features"]
    suffix = f"tfrecord{SUFFIXES[compression]}"
    shards = {name: name_all(path, name, suffix, written.files[name]) for name in written.split_rows}
    os.replace(output.work / STATISTICS, path / STATISTICS)
    seen = path / STATISTICS / SEEN
    found = json.loads(seen.read_text())
    seen.unlink()
    described = anomalies.describe(written.rejected_counts, found["unseen"], found["limits"])
    (path / ANOMALIES).write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n")
    (path / "schema.pbtxt").write_text(use_case.schema.text())
    facts: dict[str, Any] = {
        "use_case": use_case.name,
        "shards": shards,
        "feature_names": [feature["name"] for feature in features],
        "feature_kinds": [feature["kind"] for feature in features],
        "slices": list(use_case.model.slices),
        "compression": compression,
        "schema_fingerprint": use_case.schema.fingerprint,
        "graph_fingerprint": graph_fingerprint(path / "graph"),
        **treatments.facts(),
    }
    names = [shard["name"] for split in shards.values() for shard in split]
    content = {**facts, "sha256": {name: fingerprint.of_file(path / name) for name in names}}
    counted = {
        "format": FORMAT,
        "rows": {"read": written.rows_read, **written.split_rows, "rejected": written.rejected_counts.total()},
        "label_mean": {name: ones / written.split_rows[name] for name, ones in written.label_sums.items()},
        "fingerprint": artifact.content_id(content),
    }
    return output.complete(written, {**facts, **counted})
