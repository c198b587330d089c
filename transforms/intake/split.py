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
_OTHER = np.uint64(0xD1B54A32D192ED03)


def assign_splits(batch: pa.RecordBatch, schema: Schema, fractions: Mapping[str, float]) -> np.ndarray:
    """Return for every row the index (int8) of its split in `fractions`, which must be positive and sum to 1.

    >>> schema = Schema.from_text('feature { name: "trip" type: INT annotation { tag: "id" } }')
    >>> batch = pa.RecordBatch.from_pydict({"trip": list(range(10_000))})
    >>> np.bincount(assign_splits(batch, schema, {"train": 0.7, "test": 0.3})).tolist()
    [7024, 2976]
    """
    if not fractions or min(fractions.values()) < 0 or not np.isclose(sum(fractions.values()), 1.0):
        raise InputError(f"split: fractions {dict(fractions)} are not shares that sum to 1; correct the model's split")
    return share_of(id_hashes(batch, schema), fractions)


def share_of(hashes: np.ndarray, fractions: Mapping[str, float]) -> np.ndarray:
    """Return in which of the fractions, laid end to end, hashes (uint64 [rows]) fall: int8 [rows]."""
    position = hashes.astype(np.float64) / 2.0**64
    ends = np.cumsum(list(fractions.values()))[:-1]
    return np.searchsorted(ends, position, side="right").astype(np.int8)


def sampled(hashes: np.ndarray, share: float) -> np.ndarray:
    """Return which rows (bool) a stable sample of a share has, by their hashes (uint64), whatever split they are in.

    >>> hashes = _mix(np.arange(10_000, dtype=np.uint64))
    >>> int(sampled(hashes, 0.1).sum()), bool((sampled(hashes, 0.1) <= sampled(hashes, 0.2)).all())
    (996, True)
    """
    return _mix(hashes + _OTHER).astype(np.float64) / 2.0**64 < share


def id_hashes(batch: pa.RecordBatch, schema: Schema) -> np.ndarray:
    """Return a 64-bit hash (uint64) of who every row is, by column name; missing is a value of its own.

    Without id columns a missing text is an empty one: CSV cannot tell them apart.
    """
    columns, named = _identity(schema)
    hashes = np.zeros(batch.num_rows, np.uint64)
    for column in columns:
        array = batch.column(column.name)
        if column.kind is Kind.BYTES:
            array = array if named else pc.fill_null(array, "")
            bits = _text_bits(array)
        else:
            unsigned = np.uint32 if column.kind is Kind.FLOAT else np.uint64
            values = np.asarray(array.fill_null(0) if array.null_count else array)
            bits = (values + values.dtype.type(0)).view(unsigned).astype(np.uint64)
        mixed = _mix(bits)
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
