"""A build: raw files to the shards of a training set through one tf.Transform graph.

Two passes, so that no row waits in memory: the first reads the raw files, keeps their rows as columns on disk, writes
the rejected ones and makes the graph of the train split; the second applies that graph to every row, rejects those
with an infinite feature, and writes examples and statistics of the others.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions as Options

from beam_jobs.batch.file_job import FileJobSettings, NewDirectory, new_directory, run_and_count
from beam_jobs.batch.intake_steps import LabelledRows, LabelRows
from beam_jobs.batch.parquet_shards import WriteParquet
from beam_jobs.batch.set_findings import CombineFindings, save_findings
from beam_jobs.batch.set_gates import FINDINGS, check_gates, found_in
from beam_jobs.batch.shards import WriteShards
from beam_jobs.batch.split_statistics import CombineStatistics, write_statistics
from beam_jobs.batch.spool import SPOOL, ReadSpool, WriteSpool
from beam_jobs.batch.training_set_writer import STATISTICS, check_counts, check_labels, finish, together
from beam_jobs.batch.transform_steps import TransformRows
from beam_jobs.batch.written_files import SaveWritten, Written, load_written
from beam_jobs.cli import progress
from beam_jobs.cli.file_settings import FileOptions
from beam_jobs.file_runs.place import Place, place
from beam_jobs.file_runs.run_facts import run_facts
from beam_jobs.process.personal_keys import PersonalKeys
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.raw_files.reading import ReadRawRows
from beam_jobs.sets.anomaly_files import ANOMALIES, read_anomalies
from beam_jobs.sets.split_files import split_files
from beam_jobs.stored.folders import place_folder
from models import use_case as use_cases
from models.metric import columns_of
from models.splits import SPLITS, ColumnSplit, SplitRule, TimeSplit
from models.tasks import RANKING
from models.training import labels, test_rows
from models.training.weights import are_weighted
from models.use_case import UseCase
from schemas.address import is_remote
from schemas.artifacts.artifact import Artifact, ArtifactKind
from schemas.personal.keys import PersonalKey
from schemas.personal.treatments import Treatments, the_key
from schemas.schema import SERVING, TRAINING, Schema
from schemas.sets.gates import Gates
from transforms.graph.analysis import AnalyzeGraph, remove_temporary
from transforms.graph.preprocessing import check_preprocessing
from transforms.graph.saved_model import check_path

SPOOLED = "spooled.json"
SHARDS = "shards.json"
PARQUET = "parquet.json"

_VERB = "build_training_set"
# What the processes of a pool have imported before they are forked.
WORKER_MODULES = ("beam_jobs.batch.intake_steps", "beam_jobs.batch.transform_steps")
_TRAIN = SPLITS.index("train")


class BuildSettings(FileJobSettings, Protocol):
    """What of the settings of a build its two passes heed."""

    @property
    def use_case(self) -> str:
        """The name of the use case."""

    @property
    def use_case_path(self) -> str | None:
        """The folder with its files, if that is not ours."""

    @property
    def file_options(self) -> FileOptions:
        """How the files are to be read."""

    @property
    def personal_keys(self) -> PersonalKeys:
        """Where the key is that personal columns are hashed with."""

    @property
    def eval_data(self) -> tuple[str, ...]:
        """Raw files that are the eval split, patterns allowed."""

    @property
    def test_data(self) -> tuple[str, ...]:
        """Raw files that are the test split, patterns allowed."""

    @property
    def gates(self) -> Gates:
        """What the rows have to pass."""

    @property
    def previous(self) -> str | None:
        """An earlier set to compare train with."""

    @property
    def compression(self) -> str:
        """Of the shards: `gzip` or `none`."""

    @property
    def rows_per_shard(self) -> int:
        """Rows in one shard at most."""

    @property
    def parquet(self) -> bool:
        """Whether the rows are written as Parquet too."""

    @property
    def test_rows(self) -> str | None:
        """Whether the raw rows of test are kept: one of `test_rows.CHOICES`, None as the model's gates want it."""


def check(settings: BuildSettings) -> UseCase:
    """Return the use case, its functions tried; raises for a runner, output or function that cannot be."""
    place(settings, _VERB).temp(settings.output)
    check_path(settings.output if is_remote(settings.output) else os.path.abspath(settings.output))
    use_case = use_cases.find(settings.use_case, settings.use_case_path)
    _key(settings, use_case)
    labels.check_function(use_case)
    check_preprocessing(use_case.preprocessing_fn, use_case.treated_schema, str(use_case.transform))
    return use_case


def build(settings: BuildSettings, use_case: UseCase, files: Sequence[RawFile]) -> Artifact:
    """Run both passes; a build that fails leaves nothing behind, but its rejected rows if they are why."""
    where = place(settings, _VERB)
    given = split_files(settings, files)
    treatments = Treatments.of(use_case.schema, _key(settings, use_case))
    gates, training = settings.gates, use_case.treated_schema.environment(TRAINING)
    facts = run_facts(settings, files, settings.use_case)
    with (
        new_directory(settings.output, ArtifactKind.TRAINING_SET, facts, where.temp(settings.output)) as output,
        where.pool(files, WORKER_MODULES) as pool,
    ):
        with progress.step("read the raw rows and analyze the train split", share=where.share_read(files)):
            try:
                first = analysis(settings, use_case, files, where, output, pool, given, treatments.key_id)
                spooled, rows_read = run_and_count(where, first, f"{output.work}/{SPOOLED}")
            finally:
                remove_temporary(output.analysis)
        check_labels(spooled, use_case)
        check_gates(output, gates, spooled, [], training)
        check_counts(spooled, rows_read, settings.data, output.place, use_case.model)
        with progress.step(
            "transform, write shards and statistics", share=progress.share_of(sum(spooled.split_rows.values()))
        ):
            second = transformation(settings, use_case, spooled, where.options, output, pool)
            counted = together(spooled, run_and_count(where, second, f"{output.work}/{SHARDS}")[0])
            found = found_in(output, training, settings.previous)
            check_gates(output, gates, counted, found, training)
            check_counts(counted, rows_read, settings.data, output.place, use_case.model)
            if settings.parquet:
                counted.files.update(load_written(f"{output.work}/{PARQUET}").files)
            return finish(
                output, use_case, settings.compression, counted, found, sorted(set(given.values())), treatments
            )


def _key(settings: BuildSettings, use_case: UseCase) -> PersonalKey | None:
    return the_key(use_case.schema, settings.personal_keys.read(), f"use case {use_case.name}")


def told(built: Artifact) -> dict[str, Any]:
    """Return the `anomalies` of a training set's rows."""
    found = read_anomalies(json.loads((built.path / ANOMALIES).read_text()), built.path / ANOMALIES)
    return {"anomalies": [anomaly.to_json() for anomaly in found]}


def analysis(
    settings: BuildSettings,
    use_case: UseCase,
    files: Sequence[RawFile],
    where: Place,
    output: NewDirectory,
    pool: str | None = None,
    given: Mapping[int, str] | None = None,
    key_id: str | None = None,
) -> beam.Pipeline:
    """Return the first pass: keep the labelled rows in the spool, make the graph of the train split.

    `given` has the split of files, by their number, that are one as a whole; `key_id` is of the key that personal
    columns are hashed with.
    """
    pipeline = beam.Pipeline(options=where.options)
    folder = None if settings.use_case_path is None else where.path(settings.use_case_path)
    given = given or {}
    schema, split = use_case.treated_schema.environment(TRAINING), use_case.model.split
    names = use_case.schema.environment(TRAINING).names
    rows = (
        pipeline
        | "Read Raw Rows" >> ReadRawRows(where.reachable(files), names)
        | "Label Rows" >> LabelRows(settings.use_case, folder, given, pool, settings.personal_keys, key_id)
    )
    _ = (
        rows
        | "Write Spool" >> WriteSpool(output.work, SPLITS, names)
        | "Save Spool Names" >> SaveWritten(f"{output.work}/{SPOOLED}")
    )
    _ = (
        rows
        | "Combine Findings" >> beam.CombineGlobally(CombineFindings(schema, use_case.model.task))
        | "Save Findings"
        >> beam.Map(
            save_findings,
            by_time=isinstance(split, TimeSplit),
            in_time=_held_to_time(schema, split, given),
            path=f"{output.work}/{FINDINGS}",
        )
    )
    _ = (
        rows
        | "Keep Train Split" >> beam.FlatMap(rows_of_train)
        | "Analyze Graph"
        >> AnalyzeGraph(
            use_case.preprocessing_fn,
            use_case.treated_schema.environment(SERVING),
            output=output.graph,
            temp=output.analysis,
            place=place_folder,
        )
    )
    return pipeline


def _held_to_time(schema: Schema, split: SplitRule, given: Mapping[int, str]) -> tuple[str, ...]:
    """Return the splits that train must not go beyond: those of a column, and those of files of their own."""
    if schema.event_time is None:
        return ()
    by_column = isinstance(split, ColumnSplit)
    return tuple(name for name in SPLITS if name != labels.TRAIN and (by_column or name in given.values()))


def transformation(
    settings: BuildSettings,
    use_case: UseCase,
    spooled: Written,
    options: Options,
    output: NewDirectory,
    pool: str | None = None,
) -> beam.Pipeline:
    """Return the second pass: apply the graph to the spooled rows; write shards and statistics."""
    pipeline = beam.Pipeline(options=options)
    schema = use_case.treated_schema.environment(TRAINING)
    weighted, columns = are_weighted(use_case.model, schema), columns_of(use_case.model.metrics)
    rows = (
        pipeline
        | "Read Spool" >> ReadSpool(spooled.files[SPOOL])
        | "Transform Rows" >> TransformRows(output.graph, pool)
    )
    _ = (
        rows
        | "Combine Statistics"
        >> beam.CombineGlobally(CombineStatistics(schema, SPLITS, use_case.model.slices, weighted))
        | "Write Statistics" >> beam.Map(write_statistics, schema, f"{output.work}/{STATISTICS}", weighted)
    )
    _ = (
        rows
        | "Write Shards"
        >> WriteShards(
            graph=output.graph,
            folder=output.work,
            splits=SPLITS,
            slices=use_case.model.slices,
            compression=settings.compression,
            rows_per_shard=settings.rows_per_shard,
            classes=len(use_case.model.classes),
            columns=columns,
            test_columns=use_case.treated_schema.environment(SERVING).arrow_schema
            if test_rows.are_wanted(use_case.model.gates, settings.test_rows)
            else None,
        )
        | "Save Shard Names" >> SaveWritten(f"{output.work}/{SHARDS}")
    )
    if settings.parquet:
        beside = WriteParquet(
            output.graph,
            output.work,
            SPLITS,
            use_case.model.slices,
            settings.rows_per_shard,
            weighted,
            {name: schema[name].arrow_type for name in columns},
            use_case.model.task == RANKING,
        )
        _ = rows | "Write Parquet" >> beside | "Save Parquet Names" >> SaveWritten(f"{output.work}/{PARQUET}")
    return pipeline


def rows_of_train(rows: LabelledRows) -> list[pa.RecordBatch]:
    """Return the rows that the analysis may see: those of the train split."""
    at = rows.of_splits()[_TRAIN]
    train = rows.batch.slice(at.start, at.stop - at.start)
    return [train] if train.num_rows else []
