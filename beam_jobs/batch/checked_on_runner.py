"""Raw files against a schema, on a runner of Beam: what `validate` does with `--runner`, `--workers` or an address.

What crosses a stage is as large as the statistics; the same is found as in one process.
"""

import collections
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions as Options
from tensorflow_metadata.proto.v0 import statistics_pb2

from beam_jobs.batch.checked_files import CheckedRows, SeenRows, write_beside
from beam_jobs.batch.file_job import NewDirectory, check_rows_add_up, new_directory, run_and_count
from beam_jobs.batch.intake_steps import InOrder
from beam_jobs.batch.rejected_rows import RejectedWriter, with_originals
from beam_jobs.batch.written_files import REJECTED, Position, SaveWritten, UnnamedFile, Written, at_bundle_end
from beam_jobs.cli import progress
from beam_jobs.file_runs import addressed_existing
from beam_jobs.file_runs.place import Place, PlaceSettings, place
from beam_jobs.process.worker_pool import SharedTask
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from beam_jobs.raw_files.reading import ReadRawRows
from beam_jobs.stored import files as stored
from beam_jobs.stored.outgoing import Outgoing
from schemas.address import is_remote
from schemas.artifacts.artifact import ArtifactKind
from schemas.personal.treatments import Treatments
from schemas.rejection import Rejection
from schemas.schema import Schema
from schemas.sets.anomaly import Anomaly, from_json

VERB = "validate"
MODULES = ("beam_jobs.batch.checked_on_runner",)
WRITTEN, SEEN, STATISTICS = "written.json", "seen.json", "statistics.pb"


class ValidateSettings(PlaceSettings, Protocol):
    """What of the settings of a validation the job heeds."""

    @property
    def use_case_path(self) -> str | None:
        """The folder of the use case whose schema it is, if that is not ours."""

    @property
    def data(self) -> tuple[str, ...]:
        """Raw files, patterns allowed."""

    @property
    def output(self) -> str | None:
        """The directory for what is found, if it is kept."""


@dataclasses.dataclass(frozen=True)
class TakenRows:
    """The rows of one block that were taken in, and the rejected ones with their bytes."""

    file: str
    start: Position
    rows_read: int
    batch: pa.RecordBatch
    rejected: list[tuple[Rejection, bytes]]


@dataclasses.dataclass(frozen=True)
class TakeInTask:
    """From `RawRows` to `TakenRows`, as a process does it that has the decoders."""

    treatments: Treatments

    def prepare(self) -> Callable[[RawRows], TakenRows]:
        """Make what decodes."""
        return functools.partial(taken_rows, decoder=RawRowsDecoder(self.treatments.raw, self.treatments))


def taken_rows(rows: RawRows, decoder: RawRowsDecoder) -> TakenRows:
    """Take in one block."""
    intake = decoder.take_in(rows)
    return TakenRows(rows.file.name, rows.position, len(rows), intake.batch, with_originals(rows, intake.rejections))


class CombineSeen(beam.CombineFn):
    """From `TakenRows` to one `SeenRows`."""

    def __init__(self, schema: Schema):
        self._schema = schema

    def create_accumulator(self) -> SeenRows:
        return SeenRows(self._schema)

    def add_input(self, accumulator: SeenRows, rows: TakenRows) -> SeenRows:
        accumulator.add(rows.batch)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[SeenRows]) -> SeenRows:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: SeenRows) -> SeenRows:
        return accumulator


def check_place(settings: ValidateSettings) -> Place:
    """Return where the job runs; refuse an output that its workers cannot reach, or that is taken. Writes nothing."""
    sent: Any = dataclasses.replace(cast(Any, settings), use_case_path=None)  # workers get the schema, not its file
    where = place(sent, VERB)
    if settings.output is not None and is_remote(settings.output):
        addressed_existing.check_free(settings.output, ArtifactKind.VALIDATION)
    return where


def check_on_runner(
    settings: ValidateSettings,
    files: Sequence[RawFile],
    treatments: Treatments,
    schema: Schema,
    found_in: Callable[[CheckedRows], list[Anomaly]],
) -> CheckedRows:
    """Check every row; what is found is in the output, if one is wanted. `found_in` returns all that is told there."""
    where = check_place(settings)
    with _directory(settings.output) as output, where.pool(files, MODULES) as pool:
        with progress.step("check the raw rows", share=where.share_read(files)):
            job = pipeline(where.reachable(files), treatments, where.options, output.work, pool)
            written, rows_read = run_and_count(where, job, f"{output.work}/{WRITTEN}")
        kept = written.rows_read - written.rejected_counts.total()
        check_rows_add_up(written, rows_read, kept, f"{kept} kept", settings.data, "validate again")
        listed = statistics_pb2.DatasetFeatureStatisticsList.FromString(stored.read(f"{output.work}/{STATISTICS}"))
        seen = [from_json(entry) for entry in json.loads(stored.read(f"{output.work}/{SEEN}"))]
        checked = CheckedRows(listed, seen, written.rejected_counts, written.rows_read)
        if settings.output is not None:
            output.complete(written, write_beside(output.path, checked, schema, found_in(checked)))
    return checked


def pipeline(
    files: Sequence[RawFile], treatments: Treatments, options: Options, work: str, pool: str | None = None
) -> beam.Pipeline:
    """Return the whole job, not yet running; it writes into the folder `work`."""
    steps = beam.Pipeline(options=options)
    rows = (
        steps
        | "Read Raw Rows" >> ReadRawRows(files, treatments.raw.names)
        | "Take In" >> beam.ParDo(InOrder(SharedTask(TakeInTask(treatments), pool)))
    )
    _ = (
        rows
        | "Write Rejected Rows" >> beam.ParDo(_WriteRejected(work, treatments.raw.names))
        | "Save File Names" >> SaveWritten(f"{work}/{WRITTEN}")
    )
    _ = (
        rows
        | "Combine Seen" >> beam.CombineGlobally(CombineSeen(treatments.schema))
        | "Save Seen" >> beam.Map(save_seen, work)
    )
    return steps


def save_seen(seen: SeenRows, work: str) -> None:
    """Keep statistics and anomalies for the driver."""
    stored.write(f"{work}/{STATISTICS}", seen.statistics().SerializeToString(deterministic=True))
    stored.write(f"{work}/{SEEN}", json.dumps([anomaly.to_json() for anomaly in seen.anomalies()]).encode())


class _WriteRejected(beam.DoFn):
    def __init__(self, folder: str, columns: Sequence[str]):
        self._folder, self._columns = folder, tuple(columns)

    def start_bundle(self) -> None:
        self._writer: RejectedWriter | None = None
        self._rows_read = 0

    def process(self, rows: TakenRows) -> None:
        if self._writer is None:
            self._start, self._file = rows.start, Outgoing(f"{self._folder}/{uuid.uuid4().hex}.rejected")
            self._writer = RejectedWriter(self._file.here, self._columns)
        self._writer.write(rows.file, rows.start[1], rows.rejected)
        self._rows_read += rows.rows_read
        progress.advance(0, rejected=len(rows.rejected))

    def finish_bundle(self) -> Iterator:
        if self._writer is not None:
            counts = collections.Counter(self._writer.counts)
            lost = UnnamedFile(self._file.path, self._start, counts.total(), self._file.finish())
            yield from at_bundle_end(Written({REJECTED: [lost]}, self._rows_read, rejected_counts=counts))


def _directory(output: str | None) -> AbstractContextManager[NewDirectory]:
    return new_directory(output, ArtifactKind.VALIDATION) if output is not None else _no_directory()


@contextlib.contextmanager
def _no_directory() -> Iterator[NewDirectory]:
    """Have a folder for what workers of this machine find, which is gone when it has been told."""
    with tempfile.TemporaryDirectory(prefix="onegraph-validate-") as folder:
        made = NewDirectory(pathlib.Path(folder), ArtifactKind.VALIDATION)
        os.mkdir(made.work)
        yield made
