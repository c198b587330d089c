"""Which split a row belongs to: a stable hash of who the row is, never of how it was written.

The hash is over the typed values of the columns with role `id`, so that the same record falls into the same split
whether it came as CSV or as JSON, today or next year, in whatever order. Where no column has the role, it is over all
columns that serving has: equal rows then are one record, and all of them are in one split.
"""

import functools
import hashlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.column import Column, Kind
from schemas.errors import InputError
from schemas.schema import SERVING, Schema

_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_MISSING = np.uint64(0x9E3779B97F4A7C15)


def assign_splits(batch: pa.RecordBatch, schema: Schema, fractions: Mapping[str, float]) -> np.ndarray:
    """Return for every row the index (int8) of its split in `fractions`, which must be positive and sum to 1.

    >>> schema = Schema.from_text('feature { name: "trip" type: INT annotation { tag: "id" } }')
    >>> batch = pa.RecordBatch.from_pydict({"trip": list(range(10_000))})
    >>> np.bincount(assign_splits(batch, schema, {"train": 0.7, "test": 0.3})).tolist()
    [7024, 2976]
    """
    if not fractions or min(fractions.values()) < 0 or not np.isclose(sum(fractions.values()), 1.0):
        raise InputError(f"split: fractions {dict(fractions)} are not shares that sum to 1; correct the model's split")
    position = id_hashes(batch, schema).astype(np.float64) / 2.0**64
    ends = np.cumsum(list(fractions.values()))[:-1]
    return np.searchsorted(ends, position, side="right").astype(np.int8)


def id_hashes(batch: pa.RecordBatch, schema: Schema) -> np.ndarray:
    """Return a 64-bit hash (uint64) of who every row is, by column name; missing is a value of its own.

    Without id columns a missing text is an empty one: CSV cannot tell them apart.
    """
    columns, named = _identity(schema)
    hashes = np.zeros(batch.num_rows, np.uint64)
    for column in columns:
        array = batch.column(column.name)
        if column.value_count is not None:
            mixed = _of_lists(array, column.kind)
        elif column.kind is Kind.BYTES:
            array = array if named else pc.fill_null(array, "")
            mixed = _mix(_text_bits(array))
        else:
            mixed = _mix(_number_bits(array, column.kind))
        if array.null_count:
            mixed[np.asarray(array.is_null())] = _MISSING
        hashes = _mix(hashes * np.uint64(31) + mixed + _MISSING)
    return hashes


@functools.lru_cache(maxsize=64)
def _identity(schema: Schema) -> tuple[list[Column], bool]:
    """Return the columns that say which record a row is, by name, and whether they are tagged so."""
    named = schema.with_role("id")
    columns = named or schema.environment(SERVING).columns
    return sorted(columns, key=lambda column: column.name), bool(named)


def _number_bits(array: pa.Array, kind: Kind) -> np.ndarray:
    values = np.asarray(array.fill_null(0) if array.null_count else array)
    return (values + values.dtype.type(0)).view(np.uint32 if kind is Kind.FLOAT else np.uint64).astype(np.uint64)


def _of_lists(array: pa.ListArray, kind: Kind) -> np.ndarray:
    """Return a hash (uint64) of every row's values in their order."""
    lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = array.flatten()
    ends = np.cumsum(lengths)
    places = (np.arange(len(values)) - np.repeat(ends - lengths, lengths)).astype(np.uint64)
    mixed = _mix(_mix(_text_bits(values) if kind is Kind.BYTES else _number_bits(values, kind)) + places * _MISSING)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])  # modulo 2^64
    hashes = _mix(sums[ends] - sums[ends - lengths] + lengths.astype(np.uint64))
    hashes[lengths == 0] = _MISSING
    return hashes


def _mix(bits: np.ndarray) -> np.ndarray:
    """Finalizer of SplitMix64: every input bit moves every output bit."""
    bits = (bits ^ (bits >> np.uint64(30))) * _MULTIPLIERS[0]
    bits = (bits ^ (bits >> np.uint64(27))) * _MULTIPLIERS[1]
    return bits ^ (bits >> np.uint64(31))


def _text_bits(array: pa.Array) -> np.ndarray:
    encoded = array.dictionary_encode()
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in encoded.dictionary.to_pylist()]
    by_code = np.frombuffer(b"".join([*digests, bytes(8)]), "<u8").astype(np.uint64)
    return by_code[np.asarray(encoded.indices.fill_null(len(digests)))]
