"""`onegraph score_batch`: raw files to predictions with a released bundle, the same bundle that scores the stream."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions as Options

from beam_jobs.batch.predictions import PREDICTIONS, Scoring, WritePredictions
from beam_jobs.batch.written_files import REJECTED, WORK, SaveWritten, by_reason, load_written, name_all
from beam_jobs.cli import progress
from beam_jobs.cli.settings import ScoreBatch as Settings
from beam_jobs.raw_files.reading import ROWS_READ, RawFile, ReadRawRows, check_files, find_files
from beam_jobs.registries.remote_registry import BundlePlace, absolute, open_registry
from beam_jobs.runners import dataflow
from beam_jobs.runners.runners import counters, pipeline_options, run_pipeline
from models.scoring.explanation import Explanation
from models.scoring.scorer import KIND as BUNDLE
from schemas.artifacts import artifact
from schemas.artifacts.signature import TrustedKeys
from schemas.errors import OnegraphError, UsageError
from schemas.schema import SERVING, Schema

KIND = "predictions"
WRITTEN = "written.json"


def check(settings: Settings) -> tuple[Path, list[RawFile]]:
    """Find bundle and files; every file must have the columns that the bundle takes. Writes nothing."""
    dataflow.refuse_shared_folder(_options(settings), "score_batch", settings.output)
    _explanation(settings)
    registry = open_registry(settings.registry, TrustedKeys.of(settings.trusted_keys))
    bundle = registry.bundle_path(settings.bundle) if settings.bundle else registry.champion()
    opened = artifact.open_artifact(bundle, BUNDLE)
    if opened.manifest["use_case"] != settings.use_case:
        raise UsageError(
            f"bundle {bundle.name} is of use case {opened.manifest['use_case']}, --use-case is {settings.use_case}; "
            "name the bundle's or choose another registry"
        )
    opened.verify()
    files = find_files(settings.data)
    check_files(files, Schema.load(bundle / "schema.pbtxt").environment(SERVING))
    return bundle, files


def run(settings: Settings) -> dict[str, Any]:
    """Score every row; the result is what the manifest counts. A run that fails leaves nothing behind."""
    bundle, files = check(settings)
    options = _options(settings)
    path = artifact.create(settings.output, KIND).absolute()
    try:
        (path / WORK).mkdir()
        with progress.step("score"):
            rows_read = counters(run_pipeline(pipeline(settings, bundle, files, options, path))).get(ROWS_READ, 0)
        return _finish(settings, path, bundle, rows_read)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def pipeline(settings: Settings, bundle: Path, files: Sequence[RawFile], options: Options, path: Path) -> beam.Pipeline:
    """Return the whole job, not yet running; `path` is where it writes."""
    work = str(path / WORK)
    scored = BundlePlace(absolute(settings.registry), bundle.name, TrustedKeys.of(settings.trusted_keys))
    scoring = Scoring(scored, work, settings.format, settings.with_features, _explanation(settings))
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


def _finish(settings: Settings, path: Path, bundle: Path, rows_read: int) -> dict[str, Any]:
    where = " ".join(settings.data)
    written = load_written(path / WORK / WRITTEN)
    scored = written.rows(PREDICTIONS)
    rejected = written.rejected_counts.total()
    if rows_read != scored + rejected:
        raise OnegraphError(
            f"{where}: {rows_read} rows read, but {scored} scored and {rejected} rejected; score again elsewhere"
        )
    files = name_all(path, PREDICTIONS, settings.format, written.files[PREDICTIONS])
    name_all(path, REJECTED, "jsonl", written.files[REJECTED])
    shutil.rmtree(path / WORK)
    facts = {
        "bundle": bundle.name,
        "use_case": settings.use_case,
        "predictions": files,
        "rows": {"read": rows_read, "scored": scored, "rejected": rejected},
        "rejected_by_reason": by_reason(written.rejected_counts),
    }
    artifact.complete(path, KIND, facts)
    return {"path": str(path), **facts}


def _options(settings: Settings) -> Options:
    return pipeline_options(settings.runner, settings.beam_args, job_name="score-batch")


def describe(result: dict[str, Any]) -> str:
    """Return the summary for people."""
    rows = result["rows"]
    counts = f"{rows['read']:,} rows read = scored {rows['scored']:,}, rejected {rows['rejected']:,}"
    lines = [f"predictions {result['path']}: {counts}; bundle {result['bundle']}"]
    lines += [f"  rejected for {reason}: {count:,}" for reason, count in result["rejected_by_reason"].items()]
    return "\n".join(lines)
