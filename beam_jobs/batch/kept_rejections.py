"""The rejected rows of a job that came to nothing: they are kept beside the directory that it did not make."""

import json
import os
import pathlib
import shutil

from beam_jobs.batch.written_files import REJECTED, Written, name_all
from beam_jobs.sets.anomaly_files import ANOMALIES, ANOMALIES_PROTO
from schemas.rejection_counts import rejections, rejections_text

COUNTS = "rejections.json"


def rejected_text(written: Written) -> str:
    """Return for people how many of the rows read were rejected for what."""
    counts = written.rejected_counts
    return f"{counts.total():,} of {written.rows_read:,} rows rejected: {rejections_text(rejections(counts))}"


def keep_rejected(output: pathlib.Path, written: Written) -> str:
    """Move the files of rejected rows from the unfinished directory `output` to `OUTPUT.rejected`.

    `rejections.json` counts them there, and is the first to be written: what is left of a job that ends meanwhile is
    known by it. What an earlier job has kept is replaced. Returns what `rejected_text` does, and where they are, or why
    they are nowhere.
    """
    kept = kept_at(output)
    try:
        forget(output)
        kept.mkdir()
    except FileExistsError:
        return f"{rejected_text(written)}; they could not be kept, {kept} is there and is not an earlier job's"
    except OSError as error:
        return f"{rejected_text(written)}; they could not be kept in {kept}: {error.strerror}"
    try:
        counts = {"rows": {"read": written.rows_read, "rejected": written.rejected_counts.total()}}
        entries = {**counts, "rejections": rejections(written.rejected_counts)}
        (kept / COUNTS).write_text(json.dumps(entries, indent=1) + "\n")
        name_all(kept, REJECTED, "jsonl", [file for file in written.files[REJECTED] if file.rows])
    except OSError as error:
        shutil.rmtree(kept, ignore_errors=True)
        return f"{rejected_text(written)}; they could not be kept in {kept}: {error.strerror}"
    return f"{rejected_text(written)}; the rejected rows are kept in {kept}"


def kept_at(output: pathlib.Path) -> pathlib.Path:
    """Return where the rejected rows of a job are kept that does not make its directory."""
    return output.with_name(f"{output.name}.rejected")


def forget(output: pathlib.Path) -> None:
    """Remove what an earlier job to this output has kept; anything else of that name stays."""
    kept = kept_at(output)
    if kept.is_symlink() or not os.path.isfile(kept / COUNTS):
        return
    ours = (COUNTS, ANOMALIES, ANOMALIES_PROTO)
    if all(file.name in ours or file.match(f"{REJECTED}-*.jsonl") for file in kept.iterdir()):
        shutil.rmtree(kept)
