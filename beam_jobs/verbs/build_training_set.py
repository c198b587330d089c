"""`onegraph build_training_set`: raw files to TFRecord shards through one tf.Transform graph.

Two passes, so that no row waits in memory: the first reads the raw files, keeps their rows as columns on disk, writes
the rejected ones and makes the graph of the train split; the second applies that graph to every row, rejects those
with an infinite feature, and writes examples and statistics of the others.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions as Options

from beam_jobs.batch.file_job import checked_options, new_directory, rejected_lines, run_and_count
from beam_jobs.batch.intake_steps import LabelledRows, LabelRows
from beam_jobs.batch.shards import WriteShards
from beam_jobs.batch.split_statistics import CombineStatistics, write_statistics
from beam_jobs.batch.spool import SPOOL, ReadSpool, WriteSpool
from beam_jobs.batch.training_set_writer import ANOMALIES, STATISTICS, check_counts, check_labels, finish, together
from beam_jobs.batch.transform_steps import TransformRows
from beam_jobs.batch.written_files import WORK, SaveWritten, Written
from beam_jobs.cli import progress
from beam_jobs.cli.settings import BuildTrainingSet as Settings
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.raw_files.reading import ReadRawRows, check_files, find_files
from models import use_case as use_cases
from models.spec import SPLITS
from models.training import labels
from models.use_case import UseCase
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.heeded import unheeded
from schemas.schema import SERVING, TRAINING
from transforms.graph.analysis import AnalyzeGraph
from transforms.graph.preprocessing import check_preprocessing
from transforms.graph.saved_model import check_path

VERB = "build_training_set"
SPOOLED = "spooled.json"
SHARDS = "shards.json"

_TRAIN = SPLITS.index("train")

_log = logging.getLogger(__name__)


def check(settings: Settings) -> tuple[UseCase, list[RawFile]]:
    """Find use case and files; every file must have the columns of the schema. Raises before anything is written."""
    checked_options(settings, VERB)
    check_path(Path(settings.output).absolute())
    use_case = use_cases.find(settings.use_case, settings.use_case_path)
    labels.check_function(use_case)
    check_preprocessing(use_case.preprocessing_fn, use_case.schema, f"transforms/{use_case.name}.py")
    files = find_files(settings.data)
    check_files(files, use_case.schema.environment(TRAINING))
    for field in unheeded(use_case.schema):
        _log.warning("schema of %s: not heeded: %s", use_case.name, field)
    return use_case, files


def run(settings: Settings) -> dict[str, Any]:
    """Build a training set; the result is what its manifest counts. A build that fails leaves nothing behind."""
    use_case, files = check(settings)
    options = checked_options(settings, VERB)
    with new_directory(settings.output, ArtifactKind.TRAINING_SET) as output:
        with progress.step("read the raw rows and analyze the train split"):
            first = analysis(settings, use_case, files, options, output.path)
            spooled, rows_read = run_and_count(first, output.work / SPOOLED)
        check_labels(spooled, use_case.name)
        check_counts(spooled, rows_read, settings.data)
        with progress.step("transform, write shards and statistics"):
            second = transformation(settings, use_case, spooled, options, output.path)
            counted = together(spooled, run_and_count(second, output.work / SHARDS)[0])
            check_counts(counted, rows_read, settings.data)
            finished = finish(output, use_case, settings.compression, counted)
    names = ("use_case", "rows", "label_mean", "rejected_by_reason", "feature_names", "fingerprint")
    limits = json.loads((finished.path / ANOMALIES).read_text())["limits"]
    manifest = artifact.open_artifact(finished.path, ArtifactKind.TRAINING_SET).manifest
    return {"path": str(finished.path), **{name: manifest[name] for name in names}, "limits": limits}


def analysis(
    settings: Settings, use_case: UseCase, files: Sequence[RawFile], options: Options, path: Path
) -> beam.Pipeline:
    """Return the first pass: keep the labelled rows in the spool, make the graph of the train split."""
    pipeline = beam.Pipeline(options=options)
    rows = (
        pipeline
        | "Read Raw Rows" >> ReadRawRows(files)
        | "Label Rows" >> LabelRows(settings.use_case, settings.use_case_path)
    )
    _ = (
        rows
        | "Write Spool" >> WriteSpool(str(path / WORK), SPLITS)
        | "Save Spool Names" >> SaveWritten(str(path / WORK / SPOOLED))
    )
    _ = (
        rows
        | "Keep Train Split" >> beam.FlatMap(rows_of_train)
        | "Analyze Graph"
        >> AnalyzeGraph(
            use_case.preprocessing_fn,
            use_case.schema.environment(SERVING),
            output=str(path / "graph"),
            temp=str(path / WORK / "analysis"),
        )
    )
    return pipeline


def transformation(
    settings: Settings, use_case: UseCase, spooled: Written, options: Options, path: Path
) -> beam.Pipeline:
    """Return the second pass: apply the graph to the spooled rows; write shards and statistics."""
    pipeline = beam.Pipeline(options=options)
    schema = use_case.schema.environment(TRAINING)
    rows = (
        pipeline
        | "Read Spool" >> ReadSpool(spooled.files[SPOOL])
        | "Transform Rows" >> TransformRows(str(path / "graph"))
    )
    _ = (
        rows
        | "Combine Statistics" >> beam.CombineGlobally(CombineStatistics(schema, SPLITS))
        | "Write Statistics" >> beam.Map(write_statistics, schema, str(path / WORK / STATISTICS))
    )
    _ = (
        rows
        | "Write Shards"
        >> WriteShards(
            graph=str(path / "graph"),
            folder=str(path / WORK),
            splits=SPLITS,
            slices=use_case.model.slices,
            compression=settings.compression,
            rows_per_shard=settings.rows_per_shard,
        )
        | "Save Shard Names" >> SaveWritten(str(path / WORK / SHARDS))
    )
    return pipeline


def rows_of_train(rows: LabelledRows) -> list[pa.RecordBatch]:
    """Return the rows that the analysis may see: those of the train split."""
    at = rows.of_splits()[_TRAIN]
    train = rows.batch.slice(at.start, at.stop - at.start)
    return [train] if train.num_rows else []


def describe(result: dict[str, Any]) -> str:
    """Return the summary for people."""
    rows = result["rows"]
    split = ", ".join(f"{name} {rows[name]:,}" for name in SPLITS)
    lines = [f"training set {result['path']}: {rows['read']:,} rows read = {split}, rejected {rows['rejected']:,}"]
    lines += rejected_lines(result)
    lines += [
        f"  {one['limit']} of {one['column']}: {one['found']}, wanted {one['wanted']}" for one in result["limits"]
    ]
    lines += [f"  label mean of {name}: {result['label_mean'][name]:.4f}" for name in SPLITS]
    return "\n".join([*lines, f"  features: {len(result['feature_names'])}, fingerprint {result['fingerprint']}"])
