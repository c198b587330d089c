"""`onegraph new`: the three files of a use case, written from a sample of its data."""

import shlex
from typing import Any

from beam_jobs.cli import options
from beam_jobs.cli.file_settings import FileFormat, RawData
from beam_jobs.cli.settings import New
from beam_jobs.first_draft.decisions import decisions, decisions_text
from beam_jobs.first_draft.draft import Draft, draft
from beam_jobs.first_draft.samples import sampled
from beam_jobs.raw_files.finding import find_files
from models.use_case_files import Files, new_files
from schemas.inference.inferred import Inferred, infer


def check(settings: New) -> None:
    """Raise if the files cannot be read, or there is nothing to learn in them."""
    _drafted(settings)


def plan(settings: New) -> list[str]:
    """Return what would be written, and what would be decided."""
    files, inferred, _ = _drafted(settings)
    return [*(f"{file} would be written" for file in files), *decisions_text(decisions(inferred))]


def run(settings: New) -> dict[str, Any]:
    """Write the files; return what was decided."""
    files, inferred, made = _drafted(settings)
    made.write(files)
    return {
        "use_case": settings.name,
        "use_case_path": settings.folder,
        "files": [str(file) for file in files],
        "data_options": options.words(RawData, {"data": settings.data, **_written_so(settings, inferred)}),
        **decisions(inferred),
    }


def describe(result: dict[str, Any]) -> str:
    """Return what was decided, the files, and what comes next, for people."""
    label, name = result["label"], result["use_case"]
    what = f"{label['task']} by column {label['column']!r}"
    if label["classes"]:
        what += f": {', '.join(label['classes'][:10])}" + (", ..." if len(label["classes"]) > 10 else "")
    named = ["--use-case", name, "--use-case-path", result["use_case_path"]]
    build = ["onegraph", "build_training_set", *named, *result["data_options"], "--output", f"{name}_data"]
    return "\n".join(
        [
            *decisions_text(result),
            "",
            f"task: {what}",
            *(f"written: {file}" for file in result["files"]),
            f"next: {shlex.join(build)}",
        ]
    )


def _written_so(settings: New, inferred: Inferred) -> dict[str, Any]:
    """Return what is to be said of the files: what is not so by default, and the columns where the files name none.

    A schema may have fewer columns than such a file, so that it cannot name them.
    """
    changed = {
        field.name: getattr(settings, field.name)
        for field in options.fields(FileFormat)
        if getattr(settings, field.name) != field.default
    }
    if changed.pop("csv_header", None):
        changed["csv_columns"] = ",".join(finding.name for finding in inferred.findings)
    return changed


def _drafted(settings: New) -> tuple[Files, Inferred, Draft]:
    files = new_files(settings.name, settings.folder)
    sample = sampled(find_files(settings.data, settings.file_options), settings.rows)
    inferred = infer(sample, settings.label, settings.task)
    assert inferred.target is not None
    return files, inferred, draft(inferred, inferred.target, settings.name)
