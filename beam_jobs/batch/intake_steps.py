"""Raw rows to labelled batches: the first step of a build."""

import collections
import concurrent.futures
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.batch.rejected_rows import with_originals
from beam_jobs.batch.written_files import Position, at_bundle_end
from beam_jobs.raw_files.formats import originals
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from models.splits import SPLITS
from models.training import labels, split_rows, weights
from models.use_case import UseCase, find
from schemas.rejection import Reason, Rejection, Stage
from schemas.schema import TRAINING
from transforms.intake.split import id_hashes
from transforms.intake.split_rules import key_hashes

_BLOCKS_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class LabelledRows:
    """Rows of one block that training can use, and those that it cannot with their bytes.

    The rows of `batch` stand split by split, in each in the order of the file; `sizes` are the rows of every split in
    the order of the model's. `label` (float32), `numbers` (int64, where the row stands in the block), `values`
    (binary, its bytes), `ids` (uint64, a hash of who it is), `keys` (uint64, of whose it is) and `weight` (float32)
    have one entry per row; the last two are None where the use case has none. `rows_read` is what came in, `left_out`
    counts by cause the rows that are in no split. `wrong_labels` counts labels that the task does not allow by kind,
    `first_wrong` is the row in the file of the first of them.
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
    ids: np.ndarray
    keys: np.ndarray | None = None
    weight: np.ndarray | None = None
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)

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
    """From `RawRows` to `LabelledRows`: decode, validate, assign splits, make the label.

    A row without a label is rejected. `given` has the split of files, by their number, that are one as a whole. Blocks
    come out in the order of the file.
    """

    use_case: str
    use_case_path: str | None
    given: Mapping[int, str] = dataclasses.field(default_factory=dict)

    def expand(self, rows: beam.PCollection[RawRows]) -> beam.PCollection[LabelledRows]:
        step = _LabelRows(self.use_case, self.use_case_path, self.given)
        return rows | "Decode Validate And Label" >> beam.ParDo(step)


class _LabelRows(beam.DoFn):
    def __init__(self, name: str, folder: str | None, given: Mapping[int, str]):
        self._name = name
        self._folder = folder
        self._given = dict(given)

    def setup(self) -> None:
        self._use_case = find(self._name, self._folder)
        self._decoder = RawRowsDecoder(self._use_case.schema.environment(TRAINING))

    def start_bundle(self) -> None:
        # Decoding leaves the interpreter to others for most of its time: a block ahead while another goes on.
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._ahead: collections.deque[concurrent.futures.Future[LabelledRows]] = collections.deque()

    def process(self, rows: RawRows) -> Iterator[LabelledRows]:
        self._ahead.append(self._thread.submit(labelled_rows, rows, self._decoder, self._use_case, self._given))
        if len(self._ahead) > _BLOCKS_AHEAD:
            yield self._ahead.popleft().result()

    def finish_bundle(self) -> Iterator:
        while self._ahead:
            yield from at_bundle_end(self._ahead.popleft().result())
        self._thread.shutdown()


def labelled_rows(
    rows: RawRows, decoder: RawRowsDecoder, use_case: UseCase, given: Mapping[int, str] | None = None
) -> LabelledRows:
    """Take in one block, label its rows and put them in the order of their splits.

    `decoder` is of the use case's schema for training; `given` as in `LabelRows`. Rejections are by the rows' numbers
    in the block, ascending.
    """
    intake = decoder.take_in(rows)
    label = labels.make_labels(use_case, intake.batch)
    batch, numbers, rejections = intake.batch, intake.rows, intake.rejections
    wrong = labels.wrong(label)
    kinds = labels.kinds_of(label[wrong])
    first_wrong = rows.first_row + int(numbers[wrong.argmax()]) if kinds else None
    unusable = [(Reason.LABEL, "", np.isnan(label)), *weights.unusable(batch, decoder.schema)]
    known = ~np.logical_or.reduce([mask for _, _, mask in unusable])
    if not known.all():
        found: dict[int, Rejection] = {}
        for reason, path, mask in unusable:
            for row in numbers[mask].tolist():
                found.setdefault(row, Rejection(row, Stage.VALIDATE, reason, path))
        rejections = sorted([*rejections, *found.values()], key=lambda rejection: rejection.row)
        batch, label, numbers = batch.filter(pa.array(known)), label[known], numbers[known]
    ids = id_hashes(batch, decoder.schema)
    placed = split_rows.place(use_case.model, given or {}, rows.file.number, batch, decoder.schema, ids, label)
    split = placed.split
    order = np.argsort(split, kind="stable")[int((split == split_rows.LEFT_OUT).sum()) :]
    keys = key_hashes(batch, decoder.schema)
    weight = weights.of_rows(batch, decoder.schema, placed.weight)
    return LabelledRows(
        file=rows.file,
        first_row=rows.first_row,
        rows_read=len(rows),
        batch=batch.take(pa.array(order)),
        label=label[order],
        numbers=numbers[order],
        values=originals(rows, numbers[order].tolist()),
        sizes=tuple(np.bincount(split[order], minlength=len(SPLITS)).tolist()),
        rejected=with_originals(rows, rejections),
        wrong_labels=kinds,
        first_wrong=first_wrong,
        ids=ids[order],
        keys=None if keys is None else keys[order],
        weight=None if weight is None else weight[order],
        left_out=placed.left_out,
    )
