"""The end of scoring files: check what was counted, name the files, write the manifest, then the marker."""

from collections.abc import Sequence

from beam_jobs.batch.file_job import NewDirectory, check_rows_add_up
from beam_jobs.batch.predictions.steps import PREDICTIONS
from beam_jobs.batch.written_files import Written
from schemas.artifacts.artifact import Artifact


def check_counts(written: Written, rows_read: int, data: Sequence[str]) -> None:
    """Raise if the rows of the run do not add up."""
    scored = written.rows(PREDICTIONS)
    check_rows_add_up(written, rows_read, scored, f"{scored} scored", data, "score again elsewhere")


def finish(output: NewDirectory, use_case: str, bundle: str, suffix: str, written: Written) -> Artifact:
    """Move the predictions to their names and complete the directory."""
    scored, rejected = written.rows(PREDICTIONS), written.rejected_counts.total()
    facts = {
        "bundle": bundle,
        "use_case": use_case,
        "predictions": output.name_all(PREDICTIONS, suffix, written.files[PREDICTIONS]),
        "rows": {"read": written.rows_read, "scored": scored, "rejected": rejected},
    }
    return output.complete(written, facts)
