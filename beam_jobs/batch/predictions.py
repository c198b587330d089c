"""Predictions of files: raw rows scored by one bundle and written where they are scored."""

import dataclasses
import pathlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet

from beam_jobs.batch.rejected_rows import RejectedWriter, with_originals
from beam_jobs.batch.written_files import REJECTED, Position, UnnamedFile, Written, at_bundle_end
from beam_jobs.process.personal_keys import NO_KEYS, PersonalKeys
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.raw_format import RawRows
from beam_jobs.registries.opening import BundleReference
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


class WritePredictions(beam.PTransform):
    """From `RawRows` to `Written`: take in, score, write."""

    def __init__(self, scoring: FileScoring):
        super().__init__()
        self._scoring = scoring

    def expand(self, rows: beam.PCollection[RawRows]) -> beam.PCollection[Written]:
        return rows | "Score And Write" >> beam.ParDo(_WritePredictions(self._scoring))


class _WritePredictions(beam.DoFn):
    def __init__(self, scoring: FileScoring):
        self._scoring = scoring

    def setup(self) -> None:
        self._scorer = Scorer.load(self._scoring.bundle.path())
        treatments = self._scorer.treatments.keyed(self._scoring.keys.read(), f"bundle {self._scorer.bundle_id}")
        self._decoder = RawRowsDecoder(treatments.raw, treatments)

    def start_bundle(self) -> None:
        self._files: _Files | None = None

    def process(self, rows: RawRows) -> None:
        if self._files is None:
            scoring = self._scoring
            encoder = PredictionEncoder(self._scorer, scoring.with_features, scoring.explanation)
            self._files = _Files(pathlib.Path(scoring.folder), scoring.format, encoder, rows.position)
        intake = self._decoder.take_in(rows)
        scored, kept, failed = self._scorer.score_rows(intake.batch)
        batch = intake.batch if len(kept) == intake.batch.num_rows else intake.batch.take(pa.array(kept))
        numbers = intake.rows[kept]
        ids = [f"{rows.file.name}/{number}" for number in (numbers + rows.first_row).tolist()]
        refused = self._files.write(batch, scored.scores, scored.features, ids)
        self._files.reject(rows, [*intake.rejections, *_of_rows(intake.rows, failed), *_of_rows(numbers, refused)])

    def finish_bundle(self) -> Iterator:
        if self._files is not None:
            yield from at_bundle_end(self._files.close())


def _of_rows(numbers: np.ndarray, rejections: Sequence[Rejection]) -> list[Rejection]:
    """Return rejections of a part of a block's rows as those of the block; `numbers` (int64) are the part's rows."""
    return [dataclasses.replace(rejection, row=int(numbers[rejection.row])) for rejection in rejections]


class _Files:
    """The open files of one bundle."""

    def __init__(self, folder: pathlib.Path, format: str, encoder: PredictionEncoder, start: Position):
        self._encoder = encoder
        self._start = start
        self._path = folder / f"{uuid.uuid4().hex}.{format}"
        self._columns: pyarrow.parquet.ParquetWriter | None = None
        self._as_lines = format == "jsonl"
        self._rejected = RejectedWriter(self._path.with_suffix(".rejected"))
        self._rows = self._rows_read = 0

    def write(self, *scored: Any) -> list[Rejection]:
        """Append the predictions of one block, and return a rejection per row that has none.

        Takes what `PredictionEncoder` takes.
        """
        if self._as_lines:
            lines, kept, refused = self._encoder.encode_rows(*scored)
            with self._path.open("ab") as file:  # no file is open between blocks, should the job end there
                file.write(b"".join([line + b"\n" for line in lines]))
        else:
            batches, kept, refused = self._encoder.column_rows(*scored)
            for columns in batches or [self._encoder.columns(*(part[:0] for part in scored))]:
                if self._columns is None:
                    self._columns = pyarrow.parquet.ParquetWriter(self._path, columns.schema)
                self._columns.write_batch(columns)
        self._rows += len(kept)
        return refused

    def reject(self, rows: RawRows, rejections: list[Rejection]) -> None:
        """Append the rejected rows of one block, in their order."""
        self._rows_read += len(rows)
        ordered = sorted(rejections, key=lambda rejection: rejection.row)
        self._rejected.write(rows.file.name, rows.first_row, with_originals(rows, ordered))

    def close(self) -> Written:
        """Finish both files."""
        if self._columns is not None:
            self._columns.close()
        counts = self._rejected.counts
        return Written(
            files={
                PREDICTIONS: [UnnamedFile(str(self._path), self._start, self._rows)],
                REJECTED: [UnnamedFile(str(self._rejected.path), self._start, counts.total())],
            },
            rows_read=self._rows_read,
            rejected_counts=counts,
        )
