"""`onegraph score_batch`: raw files to predictions with a released bundle, the same bundle that scores the stream.

Beam and TensorFlow are imported after all that can be refused without them: files and output.
"""

from typing import Any

from beam_jobs.cli.settings import ScoreBatch as Settings
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.file_runs import existing
from beam_jobs.file_runs.addressed_output import opened
from beam_jobs.file_runs.run_facts import run_facts
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.listing import files_text
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.runners.names import in_this_process
from schemas.address import is_remote
from schemas.artifacts.artifact import ArtifactKind
from schemas.rejection_counts import rejections_text

SCORING = "beam_jobs.batch.predictions.job"


def check(settings: Settings) -> None:
    """Raise if bundle, files or output make no sense; every file must have the columns that the bundle takes."""
    files = _found(settings)
    import_quietly(SCORING).check(settings, files)


def plan(settings: Settings) -> list[str]:
    """Return what would be read, and what would be written where."""
    files = _found(settings)
    bundle = import_quietly(SCORING).check(settings, files)
    return [
        f"bundle {bundle.path.name} of use case {bundle.manifest['use_case']} would score",
        *files_text(files),
        f"the predictions would be written to {settings.output} as {settings.format}",
    ]


def run(settings: Settings) -> dict[str, Any]:
    """Score every row; the result is what the manifest counts. A run that fails leaves nothing behind.

    Predictions that are there already may be the result, or be replaced, as `settings.existing` says.
    """
    files = _found(settings)
    scoring = import_quietly(SCORING)
    bundle, kind = scoring.check(settings, files), ArtifactKind.PREDICTIONS
    if existing.taken(settings, kind, lambda: run_facts(settings, files, bundle=bundle.path.name)) is None:
        with existing.replaced(settings) as fresh:
            scoring.score(fresh, bundle, files)
    finished = opened(settings.output, kind)
    names = ("bundle", "use_case", "predictions", "rows", "rejections")
    path = settings.output if is_remote(settings.output) else str(finished.path)
    return {"path": path, **{name: finished.manifest[name] for name in names}}


def _found(settings: Settings) -> list[RawFile]:
    if is_remote(settings.output) or not in_this_process(settings.runner):  # what can be reached Beam's options say
        import_quietly("beam_jobs.file_runs.place").place(settings, "score_batch")
    existing.check_output(settings, ArtifactKind.PREDICTIONS)
    return find_files(settings.data, settings.file_options)


def describe(result: dict[str, Any]) -> str:
    """Return the summary for people."""
    rows = result["rows"]
    read = f"{rows['read']:,} row{'' if rows['read'] == 1 else 's'} read"
    counts = f"{read} = scored {rows['scored']:,}, rejected {rows['rejected']:,}"
    first = f"predictions {result['path']}: {counts}; bundle {result['bundle']}"
    return f"{first}\n  rejected: {rejections_text(result['rejections'])}" if result["rejections"] else first
