"""The end of a build: name the shards, check what was counted, write the manifest, then the marker."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beam_jobs.batch import parquet_shards
from beam_jobs.batch.file_job import NewDirectory, check_rows_add_up
from beam_jobs.batch.kept_rejections import keep_rejected
from beam_jobs.batch.split_statistics import SEEN
from beam_jobs.batch.written_files import REJECTED, Written
from beam_jobs.sets.anomaly_files import write_anomalies
from beam_jobs.stored.folders import take_folder
from models import splits
from models.metric import columns_of
from models.spec import ModelSpec
from models.tasks import BINARY, MULTICLASS
from models.training import labels, test_rows
from models.training.training_set import FORMAT, METRIC_COLUMNS
from models.training.weights import are_weighted
from models.use_case import UseCase
from schemas.artifacts import artifact
from schemas.artifacts.artifact import Artifact
from schemas.errors import InputError, OnegraphError
from schemas.personal.treatments import Treatments
from schemas.sets.anomaly import Anomaly
from schemas.statistics import anomalies
from transforms.examples.tfrecord import SUFFIXES
from transforms.graph.graph import FEATURES, graph_fingerprint

STATISTICS = "statistics"


def together(spooled: Written, written: Written) -> Written:
    """Return what both passes wrote: the rows that the second kept, and what each rejected."""
    return Written(
        files=written.files | {REJECTED: [*spooled.files[REJECTED], *written.files.get(REJECTED, [])]},
        rows_read=spooled.rows_read,
        split_rows=written.split_rows,
        label_sums=written.label_sums,
        class_rows=written.class_rows,
        rejected_counts=spooled.rejected_counts + written.rejected_counts,
        left_out=spooled.left_out,
    )


def check_counts(counted: Written, rows_read: int, data: Sequence[str], output: str, spec: ModelSpec) -> None:
    """Raise if the rows of a pass do not add up, or nothing can be learnt from them.

    If rows were rejected, that may be why: they are kept beside the unfinished directory `output`, and counted.
    """
    where = " ".join(data)
    rows, rejected = counted.split_rows, counted.rejected_counts.total()
    if rejected == rows_read == counted.rows_read and rejected:
        raise InputError(f"{where}: {keep_rejected(output, counted)}")
    left_out = sum(counted.left_out.values())
    kept = f"kept are {rows}" + (f", left out {left_out}" if left_out else "")
    check_rows_add_up(counted, rows_read, sum(rows.values()) + left_out, kept, data, "build again elsewhere")
    for name, count in rows.items():
        if not count:
            why = keep_rejected(output, counted) if rejected else f"{rows_read:,} rows read; give more data"
            if left_out:
                why += f"; left out {left_out_text(counted.left_out)}"
            raise InputError(f"{where}: split {name} is empty, {why}")
    for cause in _unlearnable(counted, spec):
        why = f"; {keep_rejected(output, counted)}" if rejected else ""
        raise InputError(f"{where}: {cause}{why}")


def _unlearnable(counted: Written, spec: ModelSpec) -> Iterator[str]:
    """Yield why nothing can be learnt from the labels, with what to do."""
    rows = counted.split_rows
    of_train = counted.class_rows.get(labels.TRAIN, [1] * len(spec.classes))  # the first pass does not count classes
    if gone := labels.without_rows(of_train, spec):
        yield f"split {labels.TRAIN} has {gone}; give more data, or take it out of MODEL's classes"
    for name, label_sum in counted.label_sums.items():
        if spec.task == BINARY and label_sum in (0.0, rows[name]):
            yield (
                f"split {name} has one class only, the label is {label_sum / rows[name]:.0f} in all {rows[name]} rows; "
                "give data with both, or check label() of the use case"
            )


def check_labels(spooled: Written, use_case: UseCase) -> None:
    """Raise if `label` gave values that the task does not allow."""
    if spooled.first_wrong_label is not None:
        (_, row), name = spooled.first_wrong_label
        raise InputError(
            f"{use_case.transform}: label() gave {labels.in_words(spooled.wrong_labels, use_case.model)}, first at "
            f"{name} row {row} (the row below the header is 0); it must give {labels.wanted(use_case.model)}"
        )


def left_out_text(left_out: Mapping[str, int]) -> str:
    """Return for people how many rows are in no split, by cause.

    >>> left_out_text({"no split": 0, "down-sampling": 1200})
    '1,200 (down-sampling)'
    """
    return ", ".join(f"{rows:,} ({cause})" for cause, rows in left_out.items() if rows)


def finish(
    output: NewDirectory,
    use_case: UseCase,
    compression: str,
    written: Written,
    found: Sequence[Anomaly] = (),
    given: Sequence[str] = (),
    treatments: Treatments | None = None,
) -> Artifact:
    """Move the files of a build to their names and complete the artifact; raises if a shard lacks rows.

    `found` are the anomalies of the rows, `given` the splits that have files of their own, `treatments` what
    became of personal columns.
    """
    path = output.path
    if output.graph != str(path / "graph"):
        take_folder(output.graph, path / "graph")
    beside = [name for name in written.split_rows if parquet_shards.kind(name) in written.files]
    raw = test_rows.FACT in written.files
    for name, rows in written.split_rows.items():
        kinds = [name, *([parquet_shards.kind(name)] if name in beside else [])]
        for kept in [*kinds, *([test_rows.FACT] if raw and name == test_rows.SPLIT else [])]:
            if rows != written.rows(kept):
                raise OnegraphError(
                    f"{path}: split {name} has {rows} rows, its files {written.rows(kept)}; build again elsewhere"
                )
    graph = json.loads((path / "graph" / FEATURES).read_text())
    features = graph.pop("features")
    suffix = f"tfrecord{SUFFIXES[compression]}"
    shards = {name: output.name_all(name, suffix, written.files[name]) for name in written.split_rows}
    columns = {
        name: output.name_all(name, parquet_shards.SUFFIX, written.files[parquet_shards.kind(name)]) for name in beside
    }
    along: dict[str, Any] = {}  # beside the shards: a model learns nothing from it, so it is not in the fingerprint
    if raw:
        rows_of_test = written.files[test_rows.FACT]
        along[test_rows.FACT] = output.name_all(test_rows.FACT, parquet_shards.SUFFIX, rows_of_test)
    take_folder(f"{output.work}/{STATISTICS}", path / STATISTICS)
    seen = path / STATISTICS / SEEN
    told = json.loads(seen.read_text())
    seen.unlink()
    described = anomalies.describe(written.rejected_counts, told["unseen"])
    write_anomalies(path, found, use_case.schema, described)
    (path / "schema.pbtxt").write_text(use_case.schema.text())
    facts: dict[str, Any] = {
        "use_case": use_case.name,
        "shards": shards,
        "feature_names": [feature["name"] for feature in features],
        "feature_kinds": [feature["kind"] for feature in features],
        **graph,
        "slices": list(use_case.model.slices),
        "compression": compression,
        "schema_fingerprint": use_case.schema.fingerprint,
        "graph_fingerprint": graph_fingerprint(path / "graph"),
        **_about_task(use_case.model),
        **(treatments.facts() if treatments is not None else {}),
    }
    names = [shard["name"] for split in shards.values() for shard in split]
    if own_columns := columns_of(use_case.model.metrics):
        facts[METRIC_COLUMNS] = list(own_columns)
    content = {**facts, "sha256": {name: output.sha256(name) for name in names}}
    if are_weighted(use_case.model, use_case.treated_schema):
        facts["weighted"] = True
    numbers = {"read": written.rows_read, **written.split_rows, "rejected": written.rejected_counts.total()}
    causes = {cause: count for cause, count in written.left_out.items() if count}
    counted = {
        "format": FORMAT,
        "rows": {**numbers, "left_out": sum(causes.values())} if causes else numbers,
        **({"left_out": causes} if causes else {}),
        "split": {**splits.to_json(use_case.model.split), **({"given": list(given)} if given else {})},
        **_about_labels(written, use_case.model),
        "fingerprint": artifact.content_id(content),
    }
    if columns:
        along["parquet"] = columns
    return output.complete(written, {**facts, **counted, **along})


def _about_task(spec: ModelSpec) -> dict[str, Any]:
    """Return what a manifest says of the labels; nothing of binary ones, as it ever was."""
    facts: dict[str, Any] = {} if spec.task == BINARY else {"task": spec.task}
    return facts | ({"classes": list(spec.classes)} if spec.classes else {})


def _about_labels(written: Written, spec: ModelSpec) -> dict[str, Any]:
    """Return what the labels of every split are like: their mean, or the rows of each class."""
    if spec.task == MULTICLASS:
        by_class = {name: dict(zip(spec.classes, rows, strict=True)) for name, rows in written.class_rows.items()}
        return {"class_rows": by_class}
    return {"label_mean": {name: total / written.split_rows[name] for name, total in written.label_sums.items()}}
