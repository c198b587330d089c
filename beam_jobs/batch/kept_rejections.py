"""The rejected rows of a job that came to nothing: they are kept beside the directory that it did not make."""

import fnmatch
import json
import os
import pathlib
import shutil
from collections.abc import Sequence

from beam_jobs.batch.written_files import REJECTED, Written, name_all
from beam_jobs.sets.anomaly_files import ANOMALIES, ANOMALIES_PROTO
from beam_jobs.stored import files
from schemas.address import is_remote
from schemas.errors import ServiceError
from schemas.rejection_counts import rejections, rejections_text

COUNTS = "rejections.json"


def rejected_text(written: Written) -> str:
    """Return for people how many of the rows read were rejected for what."""
    counts = written.rejected_counts
    return f"{counts.total():,} of {written.rows_read:,} rows rejected: {rejections_text(rejections(counts))}"


def keep_rejected(output: str | pathlib.Path, written: Written) -> str:
    """Move the files of rejected rows from the unfinished directory `output` to `OUTPUT.rejected`.

    `rejections.json` counts them there, and is the first to be written: what is left of a job that ends meanwhile is
    known by it. What an earlier job has kept is replaced. Returns what `rejected_text` does, and where they are, or why
    they are nowhere.
    """
    kept = kept_at(output)
    try:
        forget(output)
        _make(kept)
    except FileExistsError:
        return f"{rejected_text(written)}; they could not be kept, {kept} is there and is not an earlier job's"
    except (OSError, ServiceError) as error:
        return f"{rejected_text(written)}; they could not be kept in {kept}: {_why(error)}"
    try:
        counts = {"rows": {"read": written.rows_read, "rejected": written.rejected_counts.total()}}
        entries = {**counts, "rejections": rejections(written.rejected_counts)}
        files.write(f"{kept}/{COUNTS}", (json.dumps(entries, indent=1) + "\n").encode())
        name_all(kept, REJECTED, "jsonl", [file for file in written.files[REJECTED] if file.rows])
    except (OSError, ServiceError) as error:
        if not is_remote(kept):
            shutil.rmtree(kept, ignore_errors=True)
        return f"{rejected_text(written)}; they could not be kept in {kept}: {_why(error)}"
    return f"{rejected_text(written)}; the rejected rows are kept in {kept}"


def kept_at(output: str | pathlib.Path) -> str:
    """Return where the rejected rows of a job are kept that does not make its directory."""
    return f"{output}.rejected"


def are_kept(output: str | pathlib.Path) -> bool:
    """Say whether rejected rows of a job are there."""
    return files.exists(f"{kept_at(output)}/{COUNTS}")


def forget(output: str | pathlib.Path) -> None:
    """Remove what an earlier job to this output has kept; anything else of that name stays."""
    kept = kept_at(output)
    if is_remote(kept):
        if are_kept(output) and _are_ours([path.rpartition("/")[2] for path in files.below(kept)]):
            files.remove_folder(kept)
    elif not os.path.islink(kept) and os.path.isfile(f"{kept}/{COUNTS}") and _are_ours(os.listdir(kept)):
        shutil.rmtree(kept)


def _make(kept: str) -> None:
    if not is_remote(kept):
        os.mkdir(kept)
    elif files.below(kept):
        raise FileExistsError


def _are_ours(names: Sequence[str]) -> bool:
    ours = (COUNTS, ANOMALIES, ANOMALIES_PROTO)
    return all(name in ours or fnmatch.fnmatchcase(name, f"{REJECTED}-*.jsonl") for name in names)


def _why(error: OSError | ServiceError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else str(error)
