"""`onegraph score_batch`: raw files to predictions with a released bundle, the same bundle that scores the stream."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions as Options

from beam_jobs.batch.file_job import checked_options, new_directory, rejected_lines, run_and_count
from beam_jobs.batch.predictions import FileScoring, WritePredictions
from beam_jobs.batch.predictions_writer import check_counts, finish
from beam_jobs.batch.written_files import WORK, SaveWritten
from beam_jobs.cli import progress
from beam_jobs.cli.settings import ScoreBatch as Settings
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.raw_files.reading import ReadRawRows, check_files, find_files
from beam_jobs.registries.opening import BundleReference, open_registry
from beam_jobs.registries.registry_address import absolute
from models.scoring.explanation import Explanation
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.signature import TrustedKeys
from schemas.schema import SERVING, Schema

VERB = "score_batch"
WRITTEN = "written.json"


def check(settings: Settings) -> tuple[Path, list[RawFile]]:
    """Find bundle and files; every file must have the columns that the bundle takes. Writes nothing."""
    checked_options(settings, VERB)
    _explanation(settings)
    registry = open_registry(settings.registry, TrustedKeys.of(settings.trusted_keys))
    bundle = registry.bundle_path(settings.bundle) if settings.bundle else registry.champion()
    opened = artifact.open_artifact(bundle, ArtifactKind.BUNDLE)
    settings.check_named(opened.manifest["use_case"], f"bundle {bundle.name}")
    opened.verify()
    files = find_files(settings.data)
    check_files(files, Schema.load(bundle / "schema.pbtxt").environment(SERVING))
    return bundle, files


def run(settings: Settings) -> dict[str, Any]:
    """Score every row; the result is what the manifest counts. A run that fails leaves nothing behind."""
    bundle, files = check(settings)
    with new_directory(settings.output, ArtifactKind.PREDICTIONS) as output:
        with progress.step("score"):
            job = pipeline(settings, bundle, files, checked_options(settings, VERB), output.path)
            written, rows_read = run_and_count(job, output.work / WRITTEN)
        check_counts(written, rows_read, settings.data)
        use_case = artifact.open_artifact(bundle, ArtifactKind.BUNDLE).manifest["use_case"]
        finished = finish(output, use_case, bundle.name, settings.format, written)
    names = ("bundle", "use_case", "predictions", "rows", "rejected_by_reason")
    return {"path": str(finished.path), **{name: finished.manifest[name] for name in names}}


def pipeline(settings: Settings, bundle: Path, files: Sequence[RawFile], options: Options, path: Path) -> beam.Pipeline:
    """Return the whole job, not yet running; `path` is where it writes."""
    work = str(path / WORK)
    scored = BundleReference(absolute(settings.registry), bundle.name, TrustedKeys.of(settings.trusted_keys))
    scoring = FileScoring(scored, work, settings.format, settings.with_features, _explanation(settings))
    steps = beam.Pipeline(options=options)
    _ = (
        steps
        | "Read Raw Rows" >> ReadRawRows(files)
        | "Write Predictions" >> WritePredictions(scoring)
        | "Save File Names" >> SaveWritten(f"{work}/{WRITTEN}")
    )
    return steps


def _explanation(settings: Settings) -> Explanation | None:
    return Explanation.of(settings.contributions, settings.contribution_share, settings.contribution_above)


def describe(result: dict[str, Any]) -> str:
    """Return the summary for people."""
    rows = result["rows"]
    counts = f"{rows['read']:,} rows read = scored {rows['scored']:,}, rejected {rows['rejected']:,}"
    first = f"predictions {result['path']}: {counts}; bundle {result['bundle']}"
    return "\n".join([first, *rejected_lines(result)])
