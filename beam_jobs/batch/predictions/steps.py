"""Predictions of files: raw rows scored by one bundle and written where they are scored."""

import dataclasses
import functools
import uuid
from collections.abc import Callable, Iterator, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet

from beam_jobs.batch.intake_steps import InOrder
from beam_jobs.batch.rejected_rows import RejectedWriter, with_originals
from beam_jobs.batch.written_files import REJECTED, Position, UnnamedFile, Written, at_bundle_end
from beam_jobs.cli import progress
from beam_jobs.process.personal_keys import NO_KEYS, PersonalKeys
from beam_jobs.process.worker_pool import SharedTask
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.raw_format import RawRows
from beam_jobs.registries.opening import BundleReference
from beam_jobs.stored.outgoing import Outgoing
from models.scoring.explanation import Explanation
from models.scoring.prediction import PredictionEncoder
from models.scoring.scorer import Scorer
from schemas.rejection import Rejection

PREDICTIONS = "predictions"


@dataclasses.dataclass(frozen=True)
class FileScoring:
    """How files are scored; plain values that travel to workers. `folder` takes files under temporary names.

    `keys` says where the keys of hashed columns are.
    """

    bundle: BundleReference
    folder: str
    format: str
    with_features: bool
    explanation: Explanation | None = None
    keys: PersonalKeys = NO_KEYS


@dataclasses.dataclass(frozen=True)
class ScoredRows:
    """The predictions of one block, JSON lines or batches of columns, and its rejected rows in their order."""

    file: str
    start: Position
    rows_read: int
    rows: int
    lines: bytes
    batches: list[pa.RecordBatch]
    rejected: list[tuple[Rejection, bytes]]


@dataclasses.dataclass
class WritePredictions(beam.PTransform):
    """From `RawRows` to `Written`: take in, score, write. Blocks are written in order, whoever of the pool scores.

    `columns` are those of the raw rows, which rejections are counted by.
    """

    scoring: FileScoring
    columns: Sequence[str]
    pool: str | None = None

    def expand(self, rows: beam.PCollection[RawRows]) -> beam.PCollection[Written]:
        scored = rows | "Score" >> beam.ParDo(InOrder(SharedTask(ScoreTask(self.scoring), self.pool)))
        return scored | "Write" >> beam.ParDo(_WritePredictions(self.scoring, self.columns))


@dataclasses.dataclass(frozen=True)
class ScoreTask:
    """From `RawRows` to `ScoredRows`, as a process does it that has loaded the bundle."""

    scoring: FileScoring

    def prepare(self) -> Callable[[RawRows], ScoredRows]:
        """Load the bundle."""
        scorer = Scorer.load(self.scoring.bundle.path())
        encoder = PredictionEncoder(scorer, self.scoring.with_features, self.scoring.explanation)
        treatments = scorer.treatments.keyed(self.scoring.keys.read(), f"bundle {scorer.bundle_id}")
        return functools.partial(
            scored_rows,
            decoder=RawRowsDecoder(treatments.raw, treatments),
            scorer=scorer,
            encoder=encoder,
            as_lines=self.scoring.format == "jsonl",
        )


def scored_rows(
    rows: RawRows, decoder: RawRowsDecoder, scorer: Scorer, encoder: PredictionEncoder, as_lines: bool
) -> ScoredRows:
    """Take in and score one block."""
    intake = decoder.take_in(rows)
    scored, kept, failed = scorer.score_rows(intake.batch)
    batch = intake.batch if len(kept) == intake.batch.num_rows else intake.batch.take(pa.array(kept))
    numbers = intake.rows[kept]
    ids = [f"{rows.file.name}/{number}" for number in (numbers + rows.first_row).tolist()]
    lines, batches = b"", list[pa.RecordBatch]()
    if as_lines:
        encoded, written, refused = encoder.encode_rows(batch, scored.scores, scored.features, ids)
        lines = b"".join([line + b"\n" for line in encoded])
    else:
        batches, written, refused = encoder.column_rows(batch, scored.scores, scored.features, ids)
        # without a prediction, columns all the same: the file then says which
        batches = batches or [encoder.columns(batch[:0], scored.scores[:0], scored.features[:0], ids[:0])]
    rejections = [*intake.rejections, *_of_rows(intake.rows, failed), *_of_rows(numbers, refused)]
    ordered = sorted(rejections, key=lambda rejection: rejection.row)
    return ScoredRows(
        rows.file.name, rows.position, len(rows), len(written), lines, batches, with_originals(rows, ordered)
    )


class _WritePredictions(beam.DoFn):
    def __init__(self, scoring: FileScoring, columns: Sequence[str]):
        self._scoring, self._columns = scoring, tuple(columns)

    def start_bundle(self) -> None:
        self._files: _Files | None = None

    def process(self, rows: ScoredRows) -> None:
        if self._files is None:
            self._files = _Files(self._scoring.folder, self._scoring.format, self._columns, rows.start)
        self._files.write(rows)
        progress.advance(0, rejected=len(rows.rejected))

    def finish_bundle(self) -> Iterator:
        if self._files is not None:
            yield from at_bundle_end(self._files.close())


def _of_rows(numbers: np.ndarray, rejections: Sequence[Rejection]) -> list[Rejection]:
    """Return rejections of a part of a block's rows as those of the block; `numbers` (int64) are the part's rows."""
    return [dataclasses.replace(rejection, row=int(numbers[rejection.row])) for rejection in rejections]


class _Files:
    """The open files of one bundle."""

    def __init__(self, folder: str, format: str, columns: Sequence[str], start: Position):
        self._start = start
        name = uuid.uuid4().hex
        self._scored, self._lost = Outgoing(f"{folder}/{name}.{format}"), Outgoing(f"{folder}/{name}.rejected")
        self._columns: pyarrow.parquet.ParquetWriter | None = None
        self._as_lines = format == "jsonl"
        self._rejected = RejectedWriter(self._lost.here, columns)
        self._rows = self._rows_read = 0

    def write(self, rows: ScoredRows) -> None:
        """Append one block."""
        if self._as_lines:
            with self._scored.here.open("ab") as file:  # no file is open between blocks, should the job end there
                file.write(rows.lines)
        for columns in rows.batches:
            if self._columns is None:
                self._columns = pyarrow.parquet.ParquetWriter(self._scored.here, columns.schema)
            self._columns.write_batch(columns)
        self._rows += rows.rows
        self._rows_read += rows.rows_read
        self._rejected.write(rows.file, rows.start[1], rows.rejected)

    def close(self) -> Written:
        """Finish both files."""
        if self._columns is not None:
            self._columns.close()
        counts = self._rejected.counts
        return Written(
            files={
                PREDICTIONS: [UnnamedFile(self._scored.path, self._start, self._rows, self._scored.finish())],
                REJECTED: [UnnamedFile(self._lost.path, self._start, counts.total(), self._lost.finish())],
            },
            rows_read=self._rows_read,
            rejected_counts=counts,
        )
