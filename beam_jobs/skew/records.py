"""The raw records that every path gets."""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from beam_jobs.raw_files.intake import taken_in
from beam_jobs.raw_files.raw_format import RawFile
from schemas.errors import InputError
from schemas.rejection import pointer
from schemas.rejection_counts import field_of, rejections, rejections_text
from schemas.schema import Schema


@dataclasses.dataclass(frozen=True)
class RawRecords:
    """Records that a schema accepts: `ids[i]` (file name/row) is the one whose columns are row i of `rows`."""

    ids: Sequence[str]
    rows: pa.RecordBatch

    def numbers(self, ids: Sequence[str]) -> np.ndarray:
        """Return which rows have these ids, int64 [len(ids)]."""
        known = {name: number for number, name in enumerate(self.ids)}
        return np.array([known[name] for name in ids], np.int64)


def read_records(files: Sequence[RawFile], schema: Schema) -> RawRecords:
    """Read the records of raw files that the schema accepts; others cannot be sent as typed events.

    Raises `InputError` if there is none.
    """
    ids: list[str] = []
    batches = []
    rejected: collections.Counter[tuple[str, str]] = collections.Counter()
    known = frozenset(map(pointer, schema.names))
    for block, intake in taken_in(files, schema):
        ids += [f"{block.file.name}/{number}" for number in (intake.rows + block.first_row).tolist()]
        batches.append(intake.batch)
        rejected.update((one.reason.value, field_of(one.path, known)) for one in intake.rejections)
    if not ids:
        why = rejections_text(rejections(rejected))
        where = " ".join(file.path for file in files)
        raise InputError(f"{where}: no row that fits the schema ({why}); nothing to compare")
    return RawRecords(ids, pa.Table.from_batches(batches).combine_chunks().to_batches()[0])
