"""Raw rows to labelled batches: the first steps of a build."""

import collections
import concurrent.futures
import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.batch.written_files import at_bundle_end
from beam_jobs.raw_files.reading import RawFile, RawRows
from models import use_case
from models.training import labels
from schemas.rejection import Reason, Rejection, Stage
from schemas.schema import TRAINING, Schema
from transforms.decode.csv_decoder import CsvDecoder
from transforms.intake.split import assign_splits
from transforms.intake.take_in import Intake, take_in

_BLOCKS_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class LabelledRows:
    """Rows of one block that training can use, and those that it cannot with their bytes.

    The rows of `batch` stand split by split, in each in the order of the file; `sizes` are the rows of every split in
    the order of the model's. `label` (float32), `numbers` (int64, where the row stands in the block) and `values`
    (binary, its bytes) have one entry per row; `rows_read` is what came in. `wrong_labels` counts labels that the task
    does not allow by kind, `first_wrong` is the row in the file of the first of them.
    """

    file: RawFile
    first_row: int
    rows_read: int
    batch: pa.RecordBatch
    label: np.ndarray
    numbers: np.ndarray
    values: pa.Array
    sizes: tuple[int, ...]
    rejected: list[tuple[Rejection, bytes]]
    wrong_labels: collections.Counter[str]
    first_wrong: int | None

    @property
    def start(self) -> tuple[int, int]:
        """Where the block begins among all files: file, row."""
        return self.file.place, self.first_row

    def of_splits(self) -> list[slice]:
        """Return where the rows of each split are."""
        return split_slices(self.sizes)


def split_slices(sizes: Sequence[int]) -> list[slice]:
    """Return where each split's rows are in a batch that has them split by split.

    >>> split_slices([2, 0, 3])
    [slice(0, 2, None), slice(2, 2, None), slice(2, 5, None)]
    """
    ends = itertools.accumulate(sizes)
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


class RawRowsDecoder:
    """Takes in blocks of raw rows, with one decoder per header."""

    def __init__(self, schema: Schema):
        self._schema = schema
        self._decoders: dict[tuple[str, ...], CsvDecoder] = {}

    def take_in(self, rows: RawRows) -> Intake:
        """Decode and validate a block."""
        if rows.header not in self._decoders:
            self._decoders[rows.header] = CsvDecoder(self._schema, rows.header, where=rows.file.path)
        return take_in(rows.values, self._decoders[rows.header], self._schema)


@dataclasses.dataclass
class LabelRows(beam.PTransform):
    """From `RawRows` to `LabelledRows`: decode, validate, assign splits, make the label.

    A row without a label is rejected. Blocks come out in the order of the file.
    """

    use_case: str
    use_case_path: str | None

    def expand(self, rows: beam.PCollection[RawRows]) -> beam.PCollection[LabelledRows]:
        return rows | "Decode Validate And Label" >> beam.ParDo(_LabelRows(self.use_case, self.use_case_path))


class _LabelRows(beam.DoFn):
    def __init__(self, name: str, folder: str | None):
        self._name = name
        self._folder = folder

    def setup(self) -> None:
        self._use_case = use_case.find(self._name, self._folder)
        self._schema = self._use_case.schema.environment(TRAINING)
        self._decoder = RawRowsDecoder(self._schema)

    def start_bundle(self) -> None:
        # Decoding leaves the interpreter to others for most of its time: a block ahead while another goes on.
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._ahead: collections.deque[concurrent.futures.Future[LabelledRows]] = collections.deque()

    def process(self, rows: RawRows) -> Iterator[LabelledRows]:
        self._ahead.append(self._thread.submit(self._label, rows))
        if len(self._ahead) > _BLOCKS_AHEAD:
            yield self._ahead.popleft().result()

    def finish_bundle(self) -> Iterator:
        while self._ahead:
            yield from at_bundle_end(self._ahead.popleft().result())
        self._thread.shutdown()

    def _label(self, rows: RawRows) -> LabelledRows:
        intake = self._decoder.take_in(rows)
        label = labels.make_labels(self._use_case, intake.batch)
        batch, numbers, rejections = intake.batch, intake.rows, intake.rejections
        wrong = labels.wrong(label)
        kinds = labels.kinds_of(label[wrong])
        first_wrong = rows.first_row + int(numbers[wrong.argmax()]) if kinds else None
        known = ~np.isnan(label)
        if not known.all():
            unlabelled = [Rejection(row, Stage.VALIDATE, Reason.LABEL) for row in numbers[~known].tolist()]
            rejections = sorted([*rejections, *unlabelled], key=lambda one: one.row)
            batch, label, numbers = batch.filter(pa.array(known)), label[known], numbers[known]
        fractions = self._use_case.model.split
        split = assign_splits(batch, self._schema, fractions)
        order = np.argsort(split, kind="stable")
        return LabelledRows(
            file=rows.file,
            first_row=rows.first_row,
            rows_read=len(rows.values),
            batch=batch.take(pa.array(order)),
            label=label[order],
            numbers=numbers[order],
            values=pa.array(rows.values, pa.binary()).take(pa.array(numbers[order])),
            sizes=tuple(np.bincount(split, minlength=len(fractions)).tolist()),
            rejected=[(one, rows.values[one.row]) for one in rejections],
            wrong_labels=kinds,
            first_wrong=first_wrong,
        )
