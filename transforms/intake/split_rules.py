"""Which split a row belongs to by time, by group or by a column; by a hash of who it is, see `split`.

Every function returns int8 [rows]: the number of the split, or `NO_SPLIT` for a row that is in none.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.column import Kind
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.intake.split import id_hashes, share_of

NO_SPLIT = -1


def by_group(batch: pa.RecordBatch, schema: Schema, fractions: Mapping[str, float]) -> np.ndarray:
    """Split by a hash of the columns with role `key`; a row without any key is a group of its own.

    >>> schema = Schema.from_text('feature { name: "card" type: INT annotation { tag: "key" } }')
    >>> batch = pa.RecordBatch.from_pydict({"card": [1, 2, 3] * 100})
    >>> [len(set(by_group(batch, schema, {"train": 0.5, "test": 0.5})[at::3].tolist())) for at in range(3)]
    [1, 1, 1]
    """
    keys = key_hashes(batch, schema)
    if keys is None:
        raise InputError("split by group: no column has the role key")
    columns = [batch.column(column.name) for column in schema.with_role("key")]
    if any(column.null_count for column in columns):
        without = np.logical_and.reduce([column.is_null().to_numpy(zero_copy_only=False) for column in columns])
        keys = np.where(without, id_hashes(batch, schema), keys)
    return share_of(keys, fractions)


def by_time(batch: pa.RecordBatch, schema: Schema, spans: Sequence[tuple[int | None, int | None]]) -> np.ndarray:
    """Split by the event's time: the number of the span, first included and end not, in milliseconds since 1970.

    >>> schema = Schema.from_text('feature { name: "at" type: INT annotation { tag: "event_time:s" } }')
    >>> by_time(pa.RecordBatch.from_pydict({"at": [0, 5, 9, None]}), schema, [(None, 5000), (5000, 9000)]).tolist()
    [0, 1, -1, -1]
    """
    times, known = event_times(batch, schema)
    found = np.full(batch.num_rows, NO_SPLIT, np.int8)
    for number, (first, end) in enumerate(spans):
        inside = known.copy()
        if first is not None:
            inside &= times >= first
        if end is not None:
            inside &= times < end
        found[inside] = number
    return found


def by_column(batch: pa.RecordBatch, schema: Schema, words: Sequence[Sequence[str]]) -> np.ndarray:
    """Split by what the column with role `split` says: the number of the words among which its text is.

    >>> schema = Schema.from_text('feature { name: "use" type: BYTES annotation { tag: "split" } }')
    >>> by_column(pa.RecordBatch.from_pydict({"use": ["a", "c", "b", None]}), schema, [("a", "b"), ("c",)]).tolist()
    [0, 1, 0, -1]
    """
    columns = schema.with_role("split")
    if not columns:
        raise InputError("split by column: no column has the role split")
    texts = batch.column(columns[0].name)
    texts = texts if columns[0].kind is Kind.BYTES else texts.cast(pa.string())
    found = np.full(batch.num_rows, NO_SPLIT, np.int8)
    for number, of_split in enumerate(words):
        inside = pc.is_in(texts, value_set=pa.array(list(of_split), pa.string()))
        found[inside.to_numpy(zero_copy_only=False)] = number
    return found


def event_times(batch: pa.RecordBatch, schema: Schema) -> tuple[np.ndarray, np.ndarray]:
    """Return every row's event time (int64, milliseconds since 1970; anything where unknown) and whether it has one."""
    if schema.event_time is None:
        raise InputError("split by time: no column has the role event_time:s or event_time:ms")
    name, milliseconds = schema.event_time
    column = batch.column(name)
    known = column.is_valid().to_numpy(zero_copy_only=False)
    return column.fill_null(0).to_numpy(zero_copy_only=False) * milliseconds, known


def key_hashes(batch: pa.RecordBatch, schema: Schema) -> np.ndarray | None:
    """Return a 64-bit hash (uint64) of whose every row is; None if no column has the role `key`."""
    return hashes_of_role(batch, schema, "key")


def hashes_of_role(batch: pa.RecordBatch, schema: Schema, role: str) -> np.ndarray | None:
    """Return a 64-bit hash (uint64) of every row's values in the columns of a role; None if no column has it."""
    of_role = _of_role(schema, role)
    return None if of_role is None else id_hashes(batch, of_role)


@functools.lru_cache(maxsize=64)
def _of_role(schema: Schema, role: str) -> Schema | None:
    """Return the schema of the columns of a role, as if they were the ids."""
    keys = schema.with_role(role)
    if not keys:
        return None
    proto = type(schema.proto)()
    proto.CopyFrom(schema.proto)
    del proto.feature[:]
    for feature in schema.proto.feature:
        if feature.name in {column.name for column in keys}:
            added = proto.feature.add()
            added.CopyFrom(feature)
            del added.annotation.tag[:]
            added.annotation.tag.append("id")
    return Schema(proto)
