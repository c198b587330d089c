"""Raw rows to labelled batches: the first step of a build."""

import collections
import concurrent.futures
import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.batch.rejected_rows import with_originals
from beam_jobs.batch.written_files import Position, at_bundle_end
from beam_jobs.process.personal_keys import NO_KEYS, PersonalKeys
from beam_jobs.raw_files.formats import originals
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from models.training import labels
from models.use_case import UseCase, find
from schemas.personal.keys import key_named
from schemas.personal.treatments import Treatments
from schemas.rejection import Reason, Rejection, Stage
from schemas.schema import TRAINING
from transforms.intake.split import assign_splits

_BLOCKS_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class LabelledRows:
    """Rows of one block that training can use, and those that it cannot with their bytes.

    The rows of `batch` stand split by split, in each in the order of the file; `sizes` are the rows of every split in
    the order of the model's. `label` (float32), `numbers` (int64, where the row stands in the block) and `values`
    (binary, its bytes; null where its schema treats what is personal, which then waits nowhere) have one entry per row;
    `rows_read` is what came in. `wrong_labels` counts labels that the task does not allow by kind, `first_wrong` is the
    row in the file of the first of them.
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
    def start(self) -> Position:
        """Where the block begins among all files: file, row."""
        return self.file.number, self.first_row

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


@dataclasses.dataclass
class LabelRows(beam.PTransform):
    """From `RawRows` to `LabelledRows`: decode, validate, treat, assign splits, make the label.

    `key_id` is of the key among `personal_keys` that this build hashes with. A row without a label is rejected. Blocks
    come out in the order of the file.
    """

    use_case: str
    use_case_path: str | None
    personal_keys: PersonalKeys = NO_KEYS
    key_id: str | None = None

    def expand(self, rows: beam.PCollection[RawRows]) -> beam.PCollection[LabelledRows]:
        return rows | "Decode Validate And Label" >> beam.ParDo(
            _LabelRows(self.use_case, self.use_case_path, self.personal_keys, self.key_id)
        )


class _LabelRows(beam.DoFn):
    def __init__(self, name: str, folder: str | None, keys: PersonalKeys, key_id: str | None):
        self._name, self._folder, self._keys, self._key_id = name, folder, keys, key_id

    def setup(self) -> None:
        self._use_case = find(self._name, self._folder)
        schema = self._use_case.schema.environment(TRAINING)
        key = key_named(self._keys.read(), self._key_id, self._name) if self._key_id else None
        self._decoder = RawRowsDecoder(schema, Treatments.of(schema, key))

    def start_bundle(self) -> None:
        # Decoding leaves the interpreter to others for most of its time: a block ahead while another goes on.
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._ahead: collections.deque[concurrent.futures.Future[LabelledRows]] = collections.deque()

    def process(self, rows: RawRows) -> Iterator[LabelledRows]:
        self._ahead.append(self._thread.submit(labelled_rows, rows, self._decoder, self._use_case))
        if len(self._ahead) > _BLOCKS_AHEAD:
            yield self._ahead.popleft().result()

    def finish_bundle(self) -> Iterator:
        while self._ahead:
            yield from at_bundle_end(self._ahead.popleft().result())
        self._thread.shutdown()


def labelled_rows(rows: RawRows, decoder: RawRowsDecoder, use_case: UseCase) -> LabelledRows:
    """Take in one block, label its rows and put them in the order of their splits.

    `decoder` is of the use case's schema for training. Rejections are by the rows' numbers in the block, ascending.
    """
    intake = decoder.take_in(rows)
    label = labels.make_labels(use_case, intake.batch)
    batch, numbers, rejections = intake.batch, intake.rows, intake.rejections
    wrong = labels.wrong(label)
    kinds = labels.kinds_of(label[wrong])
    first_wrong = rows.first_row + int(numbers[wrong.argmax()]) if kinds else None
    known = ~np.isnan(label)
    if not known.all():
        unlabelled = [Rejection(row, Stage.VALIDATE, Reason.LABEL) for row in numbers[~known].tolist()]
        rejections = sorted([*rejections, *unlabelled], key=lambda rejection: rejection.row)
        batch, label, numbers = batch.filter(pa.array(known)), label[known], numbers[known]
    fractions = use_case.model.split
    split = assign_splits(batch, decoder.treatments.schema, fractions)
    order = np.argsort(split, kind="stable")
    kept = numbers[order].tolist()
    return LabelledRows(
        file=rows.file,
        first_row=rows.first_row,
        rows_read=len(rows),
        batch=batch.take(pa.array(order)),
        label=label[order],
        numbers=numbers[order],
        values=pa.nulls(len(kept), pa.binary()) if decoder.treatments.act else originals(rows, kept),
        sizes=tuple(np.bincount(split, minlength=len(fractions)).tolist()),
        rejected=with_originals(rows, rejections),
        wrong_labels=kinds,
        first_wrong=first_wrong,
    )
