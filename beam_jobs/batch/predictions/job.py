"""The job that scores raw files: which bundle, the pipeline, what is counted at its end."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions as Options

from beam_jobs.batch.file_job import FileJobSettings, new_directory, run_and_count
from beam_jobs.batch.kept_rejections import rejected_text
from beam_jobs.batch.predictions.steps import FileScoring, WritePredictions
from beam_jobs.batch.predictions.writer import check_counts, finish
from beam_jobs.batch.written_files import SaveWritten
from beam_jobs.cli import progress
from beam_jobs.file_runs.place import place
from beam_jobs.file_runs.run_facts import run_facts
from beam_jobs.process.personal_keys import PersonalKeys
from beam_jobs.raw_files.blocks import check_files
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.raw_files.reading import ReadRawRows
from beam_jobs.registries.opening import BundleReference, open_registry
from beam_jobs.registries.registry_address import absolute
from models.scoring.explanation import Explanation
from schemas.artifacts import artifact
from schemas.artifacts.artifact import Artifact, ArtifactKind
from schemas.artifacts.signature import TrustedKeys
from schemas.schema import SERVING, Schema

WRITTEN = "written.json"

_VERB = "score_batch"
_MODULES = ("beam_jobs.batch.predictions.steps", "models.families.table.all")

_log = logging.getLogger(__name__)


class ScoreSettings(FileJobSettings, Protocol):
    """What of the settings of scoring files the job heeds."""

    @property
    def registry(self) -> str:
        """Path or address of the registry."""

    @property
    def trusted_keys(self) -> str | None:
        """Where the public keys are of which one must have signed the bundle."""

    @property
    def bundle(self) -> str | None:
        """The bundle's id; the champion where there is none."""

    @property
    def personal_keys(self) -> PersonalKeys:
        """Where the key is that the bundle hashes personal columns with."""

    @property
    def format(self) -> str:
        """Of the predictions: `parquet` or `jsonl`."""

    @property
    def with_features(self) -> bool:
        """Whether predictions have the features."""

    @property
    def contributions(self) -> int | None:
        """How many features that made the score are named."""

    @property
    def contribution_share(self) -> float | None:
        """In which share of predictions."""

    @property
    def contribution_above(self) -> float | None:
        """From which score on."""

    def check_named(self, named: str, by: str) -> None:
        """Raise `UsageError` if another use case is given than the one that something names."""


def check(settings: ScoreSettings, files: Sequence[RawFile]) -> Artifact:
    """Return the bundle, verified; every file must have the columns that it takes. Writes nothing."""
    place(settings, _VERB)
    _explanation(settings)
    registry = open_registry(settings.registry, TrustedKeys.of(settings.trusted_keys))
    bundle = registry.bundle_path(settings.bundle) if settings.bundle else registry.champion()
    opened = artifact.open_artifact(bundle, ArtifactKind.BUNDLE)
    settings.check_named(opened.manifest["use_case"], f"bundle {bundle.name}")
    opened.verify()
    settings.personal_keys.check(opened.manifest, f"bundle {bundle.name}")
    check_files(files, _schema(bundle))
    return opened


def score(settings: ScoreSettings, bundle: Artifact, files: Sequence[RawFile]) -> Artifact:
    """Score every row; a run that fails leaves nothing behind."""
    where = place(settings, _VERB)
    facts = run_facts(settings, files, bundle=bundle.path.name)
    with (
        new_directory(settings.output, ArtifactKind.PREDICTIONS, facts) as output,
        where.pool(files, _MODULES) as pool,
    ):
        with progress.step("score", share=where.share_read(files)):
            columns = _schema(bundle.path).names
            job = pipeline(settings, bundle.path, where.reachable(files), columns, where.options, output.work, pool)
            written, rows_read = run_and_count(where, job, f"{output.work}/{WRITTEN}")
        check_counts(written, rows_read, settings.data)
        finished = finish(output, bundle.manifest["use_case"], bundle.path.name, settings.format, written)
    if not finished.manifest["rows"]["scored"]:
        _log.warning("%s: %s; nothing is scored, the rejected rows are there", output.place, rejected_text(written))
    return finished


def pipeline(
    settings: ScoreSettings,
    bundle: Path,
    files: Sequence[RawFile],
    columns: Sequence[str],
    options: Options,
    work: str,
    pool: str | None = None,
) -> beam.Pipeline:
    """Return the whole job, not yet running; `columns` of the files are read, it writes into the folder `work`."""
    scored = BundleReference(absolute(settings.registry), bundle.name, TrustedKeys.of(settings.trusted_keys))
    scoring = FileScoring(
        scored, work, settings.format, settings.with_features, _explanation(settings), settings.personal_keys
    )
    steps = beam.Pipeline(options=options)
    _ = (
        steps
        | "Read Raw Rows" >> ReadRawRows(files, columns)
        | "Write Predictions" >> WritePredictions(scoring, columns, pool)
        | "Save File Names" >> SaveWritten(f"{work}/{WRITTEN}")
    )
    return steps


def _schema(bundle: Path) -> Schema:
    return Schema.load(bundle / "schema.pbtxt").environment(SERVING)


def _explanation(settings: ScoreSettings) -> Explanation | None:
    return Explanation.of(settings.contributions, settings.contribution_share, settings.contribution_above)
