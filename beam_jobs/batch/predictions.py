"""Predictions of files: raw rows scored by one bundle and written where they are scored."""

import dataclasses
import pathlib
import uuid
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet

from beam_jobs.batch.intake_steps import RawRowsDecoder
from beam_jobs.batch.rejected_rows import RejectedWriter
from beam_jobs.batch.written_files import REJECTED, UnnamedFile, Written, at_bundle_end
from beam_jobs.raw_files.reading import RawRows
from beam_jobs.registries.remote_registry import BundlePlace
from models.scoring.explanation import Explanation
from models.scoring.prediction import PredictionEncoder
from models.scoring.scorer import Scorer
from schemas.rejection import Rejection

PREDICTIONS = "predictions"


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What scoring files is told; plain values that travel to workers. `folder` takes files under temporary names."""

    bundle: BundlePlace
    folder: str
    format: str
    with_features: bool
    explanation: Explanation | None = None


class WritePredictions(beam.PTransform):
    """From `RawRows` to `Written`: take in, score, write."""

    def __init__(self, scoring: Scoring):
        super().__init__()
        self._scoring = scoring

    def expand(self, rows: beam.PCollection[RawRows]) -> beam.PCollection[Written]:
        return rows | "Score And Write" >> beam.ParDo(_WritePredictions(self._scoring))


class _WritePredictions(beam.DoFn):
    def __init__(self, scoring: Scoring):
        self._scoring = scoring

    def setup(self) -> None:
        self._scorer = Scorer.load(self._scoring.bundle.path())
        self._decoder = RawRowsDecoder(self._scorer.schema)

    def start_bundle(self) -> None:
        self._files: _Files | None = None

    def process(self, rows: RawRows) -> None:
        if self._files is None:
            told, start = self._scoring, (rows.file.place, rows.first_row)
            encoder = PredictionEncoder(self._scorer, told.with_features, told.explanation)
            self._files = _Files(pathlib.Path(told.folder), told.format, encoder, start)
        intake = self._decoder.take_in(rows)
        scored, kept, failed = self._scorer.score_rows(intake.batch)
        batch = intake.batch if len(kept) == intake.batch.num_rows else intake.batch.take(pa.array(kept))
        rejections = intake.rejections + [dataclasses.replace(one, row=int(intake.rows[one.row])) for one in failed]
        numbers = intake.rows[kept]
        ids = [f"{rows.file.name}/{number}" for number in (numbers + rows.first_row).tolist()]
        refused = self._files.write(batch, scored.scores, scored.features, ids)
        rejections += [dataclasses.replace(one, row=int(numbers[one.row])) for one in refused]
        self._files.reject(rows, sorted(rejections, key=lambda one: one.row))

    def finish_bundle(self) -> Iterator:
        if self._files is not None:
            yield from at_bundle_end(self._files.close())


class _Files:
    """The open files of one bundle."""

    def __init__(self, folder: pathlib.Path, format: str, encoder: PredictionEncoder, start: tuple[int, int]):
        self._encoder = encoder
        self._start = start
        self._path = folder / f"{uuid.uuid4().hex}.{format}"
        self._columns: pyarrow.parquet.ParquetWriter | None = None
        self._lines = open(self._path, "wb") if format == "jsonl" else None  # noqa: SIM115  closed by close
        self._rejected = RejectedWriter(self._path.with_suffix(".rejected"))
        self._rows = self._rows_read = 0

    def write(self, *scored: Any) -> list[Rejection]:
        """Append the predictions of one block, and return a rejection per row that has none.

        Takes what `PredictionEncoder` takes.
        """
        if self._lines is not None:
            lines, kept, refused = self._encoder.encode_rows(*scored)
            self._lines.write(b"".join([line + b"\n" for line in lines]))
        else:
            batches, kept, refused = self._encoder.column_rows(*scored)
            for columns in batches or [self._encoder.columns(*(one[:0] for one in scored))]:
                if self._columns is None:
                    self._columns = pyarrow.parquet.ParquetWriter(self._path, columns.schema)
                self._columns.write_batch(columns)
        self._rows += len(kept)
        return refused

    def reject(self, rows: RawRows, rejections: list[Rejection]) -> None:
        """Append the rejected rows of one block."""
        self._rows_read += len(rows.values)
        self._rejected.write(rows.file.name, rows.first_row, [(one, rows.values[one.row]) for one in rejections])

    def close(self) -> Written:
        """Finish both files."""
        for file in (self._lines, self._columns, self._rejected):
            if file is not None:
                file.close()
        counts = self._rejected.counts
        return Written(
            files={
                PREDICTIONS: [UnnamedFile(str(self._path), self._start, self._rows)],
                REJECTED: [UnnamedFile(str(self._rejected.path), self._start, counts.total())],
            },
            rows_read=self._rows_read,
            rejected_counts=counts,
        )
