"""`onegraph validate`: raw files against a schema, before anything is built of them; exit 3 if a gate says no.

Beam is imported where a runner, workers or an address are given; TensorFlow never is in this process alone.
"""

from typing import Any

from beam_jobs.batch.checked_files import (
    STATISTICS,
    CheckedRows,
    check_rows,
    findings_folder,
    passing_treatments,
    write_findings,
)
from beam_jobs.cli import progress
from beam_jobs.cli.settings import Validate as Settings
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.first_draft.inferred_schema import inferred_schema
from beam_jobs.raw_files.blocks import check_files
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.listing import files_text
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.sets.set_text import checked_lines
from models.use_case import find_schema, load_schema
from schemas.errors import GateRefusal, InputError
from schemas.rejection_counts import rejections
from schemas.schema import Schema
from schemas.sets.anomaly import Anomaly, ordered
from schemas.sets.earlier_set import earlier_statistics
from schemas.sets.set_checks import drift

ON_RUNNER = "beam_jobs.batch.checked_on_runner"


def check(settings: Settings) -> None:
    """Raise if schema, files, earlier set or output make no sense; every file must have the columns of the schema."""
    if settings.infer:
        find_files(settings.data, settings.file_options)
        return
    _found(settings)


def plan(settings: Settings) -> list[str]:
    """Return what would be read, and what would be written where."""
    if settings.infer:
        return [*files_text(find_files(settings.data, settings.file_options)), "a schema would be printed"]
    schema, files = _found(settings)
    where = settings.output or "nowhere, rejected rows are counted only; --output DIR keeps them"
    return [
        f"{len(schema.columns)} columns would be read: {', '.join(schema.names)}",
        *files_text(files),
        f"findings would be written to {where}",
    ]


def run(settings: Settings) -> dict[str, Any]:
    """Check every row, then the set; raises `GateRefusal` with the same result if a gate says no."""
    if settings.infer:
        return inferred_schema(find_files(settings.data, settings.file_options))
    schema, files = _found(settings)
    treatments = passing_treatments(schema)

    def found_in(checked: CheckedRows) -> list[Anomaly]:
        if settings.previous is None:
            return checked.found
        now, against = checked.statistics.datasets[0], f"against {settings.previous}"
        return [*checked.found, *drift(earlier_statistics(settings.previous), now, treatments.schema, against)]

    if settings.on_runner:
        checked = import_quietly(ON_RUNNER).check_on_runner(settings, files, treatments, schema, found_in)
    else:
        with findings_folder(settings.output) as folder:
            with progress.step("check the raw rows"):
                checked = check_rows(files, treatments, folder)
            if folder is not None:
                write_findings(folder, checked, schema, found_in(checked))
    rows, found = checked.rows, found_in(checked)
    gates = settings.gates
    refused = [*gates.of_rows(rows["read"], rows["rejected"], rows["kept"]), *gates.of_anomalies(ordered(found))]
    result = {
        "path": settings.output,
        "rows": rows,
        "rejections": rejections(checked.rejected_counts),
        "anomalies": [anomaly.to_json() for anomaly in ordered(found)],
        "refused": refused,
    }
    if refused:
        raise GateRefusal("; ".join(refused), result)
    return result


def describe(result: dict[str, Any]) -> str:
    """Return what was found for people; a schema as its file has it."""
    if "schema" in result:
        return str(result["schema"]).removesuffix("\n")
    lines = checked_lines(result)
    if result["path"]:
        lines.append(f"  rejected rows, {STATISTICS} and anomalies are in {result['path']}")
    return "\n".join(lines)


def _found(settings: Settings) -> tuple[Schema, list[RawFile]]:
    whole = (
        load_schema(settings.schema)
        if settings.schema is not None
        else find_schema(settings.use_case or "", settings.use_case_path)
    )
    schema = whole.environment(settings.environment)
    if not schema.columns:
        raise InputError(f"the schema has no column in environment {settings.environment}; see its default_environment")
    if settings.previous is not None:
        earlier_statistics(settings.previous)
    if settings.on_runner:
        import_quietly(ON_RUNNER).check_place(settings)
    files = find_files(settings.data, settings.file_options)
    check_files(files, schema)
    return schema, files
