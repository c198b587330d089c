"""`onegraph build_training_set`: raw files to TFRecord shards through one tf.Transform graph.

Beam and TensorFlow are imported after all that can be refused without them: files, their columns, the schema.
"""

import logging
from collections.abc import Mapping
from typing import Any

from beam_jobs.cli.settings import BuildTrainingSet as Settings
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.file_runs import existing
from beam_jobs.file_runs.addressed_output import opened
from beam_jobs.file_runs.run_facts import run_facts
from beam_jobs.raw_files.blocks import check_files
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.listing import files_text
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.runners.names import in_this_process
from beam_jobs.sets.anomaly_files import ANOMALIES
from beam_jobs.sets.set_text import anomaly_lines, checked_lines, rejected_lines
from beam_jobs.sets.split_files import check_given
from models.spec import SPLITS, ModelSpec
from models.splits import in_words
from models.training.test_rows import are_wanted
from models.use_case import find_model, find_schema
from schemas.address import is_remote
from schemas.artifacts.artifact import ArtifactKind
from schemas.review.heeded import unheeded
from schemas.schema import SERVING, TRAINING, Schema

BUILD = "beam_jobs.batch.training_set_build"

_SHOWN = 10

_log = logging.getLogger(__name__)


def check(settings: Settings) -> None:
    """Raise if use case, files or output make no sense; every file must have the columns of the schema."""
    _found(settings)
    import_quietly(BUILD).check(settings)


def plan(settings: Settings) -> list[str]:
    """Return what would be read, and what would be written where."""
    schema, model, files = _found(settings)
    import_quietly(BUILD).check(settings)
    columns = schema.environment(TRAINING).names
    raw = ["the raw rows of its test split would lie beside the shards"]
    return [
        f"use case {settings.use_case}: {len(columns)} columns would be read: {', '.join(columns)}",
        *files_text(files),
        f"the graph would see {len(schema.environment(SERVING).names)} of them; split: {in_words(model.split)}",
        f"the training set would be written to {settings.output}, {settings.rows_per_shard:,} rows in a shard at most",
        *(raw if are_wanted(model.gates, settings.test_rows) else []),
    ]


def run(settings: Settings) -> dict[str, Any]:
    """Build a training set; the result is what its manifest counts. A build that fails leaves nothing behind.

    One that is there already may be the result, or be replaced, as `settings.existing` says.
    """
    schema, _, files = _found(settings)
    kind = ArtifactKind.TRAINING_SET
    if existing.taken(settings, kind, lambda: run_facts(settings, files, settings.use_case)) is None:
        with existing.replaced(settings) as fresh:
            _build(fresh, schema, files)
    finished = opened(settings.output, kind, (ANOMALIES,))
    names = ("use_case", "rows", "label_mean", "class_rows", "rejections", "feature_names", "fingerprint")
    return {
        "path": settings.output if is_remote(settings.output) else str(finished.path),
        **{name: finished.manifest[name] for name in names if name in finished.manifest},
        **import_quietly(BUILD).told(finished),
    }


def _build(settings: Settings, schema: Schema, files: list[RawFile]) -> None:
    building = import_quietly(BUILD)
    use_case = building.check(settings)
    for field in unheeded(schema):
        _log.warning("schema of %s: not heeded: %s", settings.use_case, field)
    building.build(settings, use_case, files)


def _found(settings: Settings) -> tuple[Schema, ModelSpec, list[RawFile]]:
    """Return schema, model and files."""
    if is_remote(settings.output) or not in_this_process(settings.runner):  # what can be reached Beam's options say
        import_quietly("beam_jobs.file_runs.place").place(settings, "build_training_set")
    existing.check_output(settings, ArtifactKind.TRAINING_SET)
    schema = find_schema(settings.use_case, settings.use_case_path)
    model = find_model(settings.use_case, settings.use_case_path)
    check_given(settings, model.split)
    files = find_files([*settings.data, *settings.eval_data, *settings.test_data], settings.file_options)
    check_files(files, schema.environment(TRAINING))
    return schema, model, files


def describe(result: dict[str, Any]) -> str:
    """Return the summary for people."""
    if "refused" in result:
        return "\n".join(checked_lines(result))
    rows = result["rows"]
    split = ", ".join(f"{name} {rows[name]:,}" for name in SPLITS)
    split += f", left out {rows['left_out']:,}" if "left_out" in rows else ""
    lines = [f"training set {result['path']}: {rows['read']:,} rows read = {split}, rejected {rows['rejected']:,}"]
    lines += rejected_lines(result["rejections"])
    lines += anomaly_lines(result["anomalies"])
    lines += [f"  label mean of {name}: {mean:,.4f}" for name, mean in result.get("label_mean", {}).items()]
    lines += [f"  classes of {name}: {_classes(rows)}" for name, rows in result.get("class_rows", {}).items()]
    return "\n".join([*lines, f"  features: {len(result['feature_names'])}, fingerprint {result['fingerprint']}"])


def _classes(rows: Mapping[str, int]) -> str:
    """Return the rows of each class, the most frequent first."""
    ordered = sorted(rows.items(), key=lambda item: -item[1])
    more = f", {len(ordered) - _SHOWN:,} more" if len(ordered) > _SHOWN else ""
    return ", ".join(f"{name} {count:,}" for name, count in ordered[:_SHOWN]) + more
