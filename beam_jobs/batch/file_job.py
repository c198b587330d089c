"""What every job from raw files to a new directory does around its pipelines.

It is checked before anything is written, writes its files under temporary names in a folder of the new directory,
counts every row that was read, and names the files and completes the directory at the end. One that fails leaves
nothing behind, but the rejected rows if they are why (`kept_rejections`).
"""

import contextlib
import dataclasses
import logging
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import apache_beam as beam

from beam_jobs.batch import kept_rejections
from beam_jobs.batch.written_files import REJECTED, WORK, Written, load_written, name_all
from beam_jobs.file_runs.existing import LOCK, RUN, empty_work, final
from beam_jobs.file_runs.place import Place, PlaceSettings
from beam_jobs.raw_files.reading import ROWS_READ
from schemas.artifacts import artifact
from schemas.artifacts.artifact import Artifact
from schemas.artifacts.making import making
from schemas.errors import OnegraphError
from schemas.file_lock import locked
from schemas.rejection_counts import rejections

_log = logging.getLogger(__name__)


class FileJobSettings(PlaceSettings, Protocol):
    """What the settings of such jobs have in common."""

    @property
    def data(self) -> tuple[str, ...]:
        """Raw files, patterns allowed."""


@dataclasses.dataclass(frozen=True)
class NewDirectory:
    """The directory that a job makes: an artifact of a kind, not complete yet. `run` is what it is made of."""

    path: pathlib.Path
    kind: str
    run: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def work(self) -> pathlib.Path:
        """The folder in it for files that have no name yet."""
        return self.path / WORK

    @property
    def place(self) -> pathlib.Path:
        """Where it will be: what is kept of a run that fails is beside it."""
        return final(self.path)

    def complete(self, written: Written, facts: Mapping[str, Any]) -> Artifact:
        """Name the files of rejected rows, remove the rest of the work, write the manifest, then the marker.

        The lock stays until all files are hashed and on the disk: a run that is killed meanwhile is known by it.
        """
        name_all(self.path, REJECTED, "jsonl", written.files[REJECTED])
        empty_work(self.path)
        manifest = {**facts, "rejections": rejections(written.rejected_counts), RUN: dict(self.run)}
        return artifact.complete(self.path, self.kind, manifest, self.work)


@contextlib.contextmanager
def new_directory(output: str, kind: str, run: Mapping[str, str] | None = None) -> Iterator[NewDirectory]:
    """Make the directory of a job; if the block raises, nothing of it is left, else nothing kept of an earlier one.

    `run` is what `run_facts` says of the job.
    """
    with making(output, kind) as path:
        made = NewDirectory(path.absolute(), kind, run or {})
        made.work.mkdir()
        with locked(made.work / LOCK):
            yield made
    try:
        kept_rejections.forget(made.place)
    except OSError as error:
        kept = kept_rejections.kept_at(made.place)
        _log.warning("%s: what an earlier job has kept cannot be removed: %s; remove it", kept, error.strerror)


def run_and_count(place: Place, pipeline: beam.Pipeline, saved: pathlib.Path) -> tuple[Written, int]:
    """Run to the end; return what `SaveWritten` kept at `saved`, and how many rows the pipeline read from raw files.

    A runner that does not tell its counters, as a job server that went away, leaves the steps' own count alone.
    """
    counted = place.run(pipeline)
    written = load_written(saved)
    return written, written.rows_read if counted is None else counted.get(ROWS_READ, 0)


def check_rows_add_up(
    written: Written, rows_read: int, kept: int, kept_text: str, data: Sequence[str], cure: str
) -> None:
    """Raise `OnegraphError` if the rows read are not those that were kept and those that were rejected.

    It says `kept_text` of those that were kept, and `cure` is what to do.
    """
    rejected = written.rejected_counts.total()
    if not rows_read == written.rows_read == kept + rejected:
        raise OnegraphError(f"{' '.join(data)}: {rows_read} rows read, but {kept_text} and {rejected} rejected; {cure}")
