"""The query of every row of a ranking: from its column with role `query` to examples, and that no split shares one."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from models.spec import ModelSpec
from models.tasks import RANKING
from schemas.column import Column
from schemas.errors import InputError
from schemas.rejection import Reason, pointer
from schemas.schema import Schema
from transforms.intake.split_rules import hashes_of_role


def query_column(model: ModelSpec, schema: Schema) -> Column | None:
    """Return the column that says which rows are ranked together, None of another task than ranking."""
    return next(iter(schema.with_role("query")), None) if model.task == RANKING else None


def unusable(batch: pa.RecordBatch, column: Column | None) -> list[tuple[Reason, str, np.ndarray]]:
    """Return which rows (bool) cannot be ranked, as they are of no query."""
    if column is None:
        return []
    return [(Reason.REQUIRED, pointer(column.name), batch.column(column.name).is_null().to_numpy(zero_copy_only=False))]


def of_rows(batch: pa.RecordBatch, schema: Schema, column: Column | None) -> np.ndarray | None:
    """Return a hash of every row's query, int64 [rows] of 0 or more; None if rows of the use case have none."""
    hashes = None if column is None else hashes_of_role(batch, schema, "query")
    return None if hashes is None else (hashes >> np.uint64(1)).astype(np.int64)


def check_apart(queries: Mapping[str, np.ndarray], where: str) -> None:
    """Raise `InputError` if a query has rows in two splits; `queries` has those of every split, int64 [rows].

    >>> check_apart({"train": np.array([1, 2]), "eval": np.array([2, 2])}, "sets/1")
    Traceback (most recent call last):
    schemas.errors.InputError: sets/1: 1 of 1 queries of split eval have rows in train too, which would flatter the \
ranking; write split=GroupSplit() and let the query's column be the only one with role key, and build again
    """
    found = {name: np.unique(values) for name, values in queries.items()}
    names = list(found)
    for at, name in enumerate(names):
        for other in names[:at]:
            if shared := len(np.intersect1d(found[name], found[other], assume_unique=True)):
                raise InputError(
                    f"{where}: {shared:,} of {len(found[name]):,} queries of split {name} have rows in {other} too, "
                    "which would flatter the ranking; write split=GroupSplit() and let the query's column be the only "
                    "one with role key, and build again"
                )
