"""Raw rows to labelled batches: the first step of a build."""

import collections
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from beam_jobs.batch.rejected_rows import with_originals
from beam_jobs.batch.written_files import Position, at_bundle_end
from beam_jobs.process.personal_keys import NO_KEYS, PersonalKeys
from beam_jobs.process.worker_pool import OpenTask, SharedTask
from beam_jobs.raw_files.formats import originals
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from models.splits import SPLITS
from models.training import labels, queries, split_rows, weights
from models.use_case import UseCase, find
from schemas.personal.keys import key_named
from schemas.personal.treatments import Treatments
from schemas.rejection import Reason, Rejection, Stage
from schemas.schema import TRAINING
from transforms.intake.split import id_hashes
from transforms.intake.split_rules import key_hashes


@dataclasses.dataclass(frozen=True)
class LabelledRows:
    """Rows of one block that training can use, and those that it cannot with their bytes.

    The rows of `batch` stand split by split, in each in the order of the file; `sizes` are the rows of every split in
    the order of the model's. `label` (float32), `numbers` (int64, where the row stands in the block), `values` (binary,
    its bytes; null where its schema treats what is personal, which then waits nowhere), `ids` (uint64, a hash of who it
    is), `keys` (uint64, of whose it is), `weight` (float32) and `query` (int64) have one entry per row; the last three
    are None where the use case has none. `rows_read` is what came in, `left_out` counts by cause the rows that are in
    no split. `wrong_labels` counts labels that the task does not allow by kind, `first_wrong` is the row in the file of
    the first of them.
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
    query: np.ndarray | None = None
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
    """From `RawRows` to `LabelledRows`: decode, validate, treat, assign splits, make the label.

    A row without a label is rejected. `given` has the split of files, by their number, that are one as a whole.
    `key_id` is of the key among `personal_keys` that this build hashes with. Blocks come out in the order of the file,
    whoever of the pool labels them.
    """

    use_case: str
    use_case_path: str | None
    given: Mapping[int, str] = dataclasses.field(default_factory=dict)
    pool: str | None = None
    personal_keys: PersonalKeys = NO_KEYS
    key_id: str | None = None

    def expand(self, rows: beam.PCollection[RawRows]) -> beam.PCollection[LabelledRows]:
        task = LabelTask(self.use_case, self.use_case_path, dict(self.given), self.personal_keys, self.key_id)
        return rows | "Decode Validate And Label" >> beam.ParDo(InOrder(SharedTask(task, self.pool)))


@dataclasses.dataclass(frozen=True)
class LabelTask:
    """From `RawRows` to `LabelledRows`, as a process does it that has the files of the use case."""

    name: str
    folder: str | None
    given: Mapping[int, str] = dataclasses.field(default_factory=dict)
    personal_keys: PersonalKeys = NO_KEYS
    key_id: str | None = None

    def prepare(self) -> Callable[[RawRows], LabelledRows]:
        """Read the use case."""
        use_case = find(self.name, self.folder)
        schema = use_case.schema.environment(TRAINING)
        key = key_named(self.personal_keys.read(), self.key_id, self.name) if self.key_id else None
        decoder = RawRowsDecoder(schema, Treatments.of(schema, key))
        return functools.partial(labelled_rows, decoder=decoder, use_case=use_case, given=self.given)


class InOrder(beam.DoFn):
    """Has a task done with every element, a few at a time; results come in the order of the elements."""

    def __init__(self, task: SharedTask):
        self._task = task

    def setup(self) -> None:
        """Prepare what is done here."""
        self._opened: OpenTask = self._task.open()

    def start_bundle(self) -> None:
        self._opened.begin()

    def process(self, element: Any) -> Iterator[Any]:
        yield from self._opened.take(element)

    def finish_bundle(self) -> Iterator:
        for result in self._opened.rest():
            yield from at_bundle_end(result)


def labelled_rows(
    rows: RawRows, decoder: RawRowsDecoder, use_case: UseCase, given: Mapping[int, str] | None = None
) -> LabelledRows:
    """Take in one block, label its rows and put them in the order of their splits.

    `decoder` is of the use case's schema for training; `given` as in `LabelRows`. Rejections are by the rows' numbers
    in the block, ascending.
    """
    intake = decoder.take_in(rows)
    label = labels.make_labels(use_case, intake.batch)
    batch, numbers, rejections, schema = intake.batch, intake.rows, intake.rejections, decoder.treatments.schema
    wrong = labels.wrong(label, use_case.model)
    kinds = labels.kinds_of(label[wrong])
    first_wrong = rows.first_row + int(numbers[wrong.argmax()]) if kinds else None
    query_column = queries.query_column(use_case.model, schema)
    unusable = [
        (Reason.LABEL, "", np.isnan(label)),
        *weights.unusable(batch, schema),
        *queries.unusable(batch, query_column),
    ]
    known = ~np.logical_or.reduce([mask for _, _, mask in unusable])
    if not known.all():
        found: dict[int, Rejection] = {}
        for reason, path, mask in unusable:
            for row in numbers[mask].tolist():
                found.setdefault(row, Rejection(row, Stage.VALIDATE, reason, path))
        rejections = sorted([*rejections, *found.values()], key=lambda rejection: rejection.row)
        batch, label, numbers = batch.filter(pa.array(known)), label[known], numbers[known]
    ids = id_hashes(batch, schema)
    placed = split_rows.place(use_case.model, given or {}, rows.file.number, batch, schema, ids, label)
    split = placed.split
    order = np.argsort(split, kind="stable")[int((split == split_rows.LEFT_OUT).sum()) :]
    keys = key_hashes(batch, schema)
    weight = weights.of_rows(batch, schema, placed.weight)
    query = queries.of_rows(batch, schema, query_column)
    kept = numbers[order].tolist()
    return LabelledRows(
        file=rows.file,
        first_row=rows.first_row,
        rows_read=len(rows),
        batch=batch.take(pa.array(order)),
        label=label[order],
        numbers=numbers[order],
        values=pa.nulls(len(kept), pa.binary()) if decoder.treatments.act else originals(rows, kept),
        sizes=tuple(np.bincount(split[order], minlength=len(SPLITS)).tolist()),
        rejected=with_originals(rows, rejections),
        wrong_labels=kinds,
        first_wrong=first_wrong,
        ids=ids[order],
        keys=None if keys is None else keys[order],
        weight=None if weight is None else weight[order],
        query=None if query is None else query[order],
        left_out=placed.left_out,
    )
