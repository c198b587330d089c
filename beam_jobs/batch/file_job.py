"""What every job from raw files to a new directory does around its pipelines.

It is checked before anything is written, writes its files under temporary names in a folder of the new directory,
counts every row that was read, and names the files and completes the directory at the end. One that fails leaves
nothing behind, but the rejected rows if they are why (`kept_rejections`).
"""

import contextlib
import dataclasses
import logging
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import apache_beam as beam

from beam_jobs.batch import kept_rejections
from beam_jobs.batch.written_files import REJECTED, UnnamedFile, Written, load_written, name_all
from beam_jobs.file_runs import addressed_output
from beam_jobs.file_runs.addressed_output import AddressedOutput
from beam_jobs.file_runs.existing import empty_work
from beam_jobs.file_runs.place import Place, PlaceSettings
from beam_jobs.file_runs.run_names import LOCK, RUN, WORK, final
from beam_jobs.process.private_folder import private_folder
from beam_jobs.raw_files.reading import ROWS_READ
from schemas import fingerprint
from schemas.address import is_remote
from schemas.artifacts import artifact
from schemas.artifacts.artifact import Artifact
from schemas.artifacts.making import making
from schemas.errors import OnegraphError, ServiceError
from schemas.file_lock import locked
from schemas.rejection_counts import rejections

_log = logging.getLogger(__name__)


class FileJobSettings(PlaceSettings, Protocol):
    """What the settings of such jobs have in common."""

    @property
    def data(self) -> tuple[str, ...]:
        """Raw files, patterns allowed."""

    @property
    def output(self) -> str:
        """The directory to be made."""


@dataclasses.dataclass(frozen=True)
class NewDirectory:
    """The directory that a job makes: an artifact of a kind, not complete yet. `run` is what it is made of.

    `path` is where it is put together on this machine; `addressed` is the output of one that is made at an address,
    `temp` where `Place.temp` says. `sent` has the entries of named files that are at the address.
    """

    path: pathlib.Path
    kind: str
    run: Mapping[str, str] = dataclasses.field(default_factory=dict)
    addressed: AddressedOutput | None = None
    temp: str | None = None
    sent: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    @property
    def where(self) -> str:
        """The directory as workers name it."""
        return str(self.path) if self.addressed is None else self.addressed.address

    @property
    def work(self) -> str:
        """The folder in it for files that have no name yet."""
        return f"{self.path}/{WORK}" if self.addressed is None else self.addressed.work

    @property
    def graph(self) -> str:
        """The folder of its graph; on its way to an address from workers elsewhere it is one file."""
        return str(self.path / "graph") if self.temp is None else f"{self.work}/graph"

    @property
    def analysis(self) -> str:
        """The folder of tf.Transform's own files, which TensorFlow opens. It is removed when the graph is made."""
        if self.temp is None or self.addressed is None:
            return f"{self.path}/{WORK}/analysis"
        ours = f"{self.temp}/{self.addressed.owner}"
        return f"{ours}/analysis" if ours == self.work else ours

    @property
    def place(self) -> str:
        """Where it will be: what is kept of a run that fails is beside it."""
        return final(self.where)

    def name_all(self, name: str, suffix: str, files: Sequence[UnnamedFile]) -> list[dict[str, Any]]:
        """Give files of a kind their names in the directory; return what a manifest says of them."""
        if self.addressed is not None:
            self.addressed.check_owner()
        named = name_all(self.where, name, suffix, files)
        for entry, file in zip(named, files, strict=True):
            if file.sent is not None:
                self.sent[entry["name"]] = dict(zip(("sha256", "size"), file.sent, strict=True))
        return named

    def sha256(self, name: str) -> str:
        """Return the sha256 of a named file."""
        return str(self.sent[name]["sha256"]) if name in self.sent else fingerprint.of_file(self.path / name)

    def complete(self, written: Written, facts: Mapping[str, Any]) -> Artifact:
        """Name the files of rejected rows, remove the rest of the work, write the manifest, then the marker.

        The lock stays until all files are hashed and on the disk: a run that is killed meanwhile is known by it.
        """
        self.name_all(REJECTED, "jsonl", written.files[REJECTED])
        manifest = {**facts, "rejections": rejections(written.rejected_counts)}
        if self.run:
            manifest[RUN] = dict(self.run)
        empty_work(self.path)
        made = artifact.complete(self.path, self.kind, manifest, self.path / WORK, self.sent)
        if self.addressed is not None:
            self.addressed.publish(self.path)
        return made


@contextlib.contextmanager
def new_directory(
    output: str, kind: str, run: Mapping[str, str] | None = None, temp: str | None = None
) -> Iterator[NewDirectory]:
    """Make the directory of a job; if the block raises, nothing of it is left, else nothing kept of an earlier one.

    `run` is what `run_facts` says of the job, `temp` what `Place.temp` does of where.
    """
    with contextlib.ExitStack() as until_made:
        addressed = None
        if is_remote(output):
            addressed = until_made.enter_context(addressed_output.making(output))
            path = private_folder("onegraph-output-") / "output"
            until_made.callback(shutil.rmtree, path, ignore_errors=True)
            path.mkdir()
        else:
            path = until_made.enter_context(making(output, kind)).absolute()
        made = NewDirectory(path, kind, run or {}, addressed, temp)
        (path / WORK).mkdir()
        with locked(path / WORK / LOCK):
            yield made
    try:
        kept_rejections.forget(made.place)
    except (OSError, ServiceError) as error:
        kept, why = kept_rejections.kept_at(made.place), error.strerror if isinstance(error, OSError) else error
        _log.warning("%s: what an earlier job has kept cannot be removed: %s; remove it", kept, why)


def run_and_count(place: Place, pipeline: beam.Pipeline, saved: str) -> tuple[Written, int]:
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
