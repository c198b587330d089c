"""Columns treated: arrays in, arrays of the same length out, a missing value stays one. The same whatever the batch."""

import hashlib
import hmac

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.personal.keys import PersonalKey
from schemas.personal.treatment import HASH, HASH_BITS, TRUNCATE, Treatment

_DIGITS = 32
_YEAR_1, _YEAR_9999 = -719_162, 2_932_896  # first and last days, since 1970
_HALF_UP = 2.0**-24 * 1.001
"""By how much of it a float32 may be off the decimal number that it stands for."""


def treated_array(array: pa.Array, one: Treatment, key: PersonalKey | None) -> pa.Array:
    """Return what a treatment that keeps the column leaves of it; lists are treated value by value.

    >>> treated_array(pa.array(["SW1A 1AA", None, "É"]), Treatment(TRUNCATE, length=3), None).to_pylist()
    ['SW1', None, 'É']
    >>> treated_array(pa.array([[47, 3], None]), Treatment("bucket", width=10), None).to_pylist()
    [[40, 0], None]
    """
    if pa.types.is_list(array.type):
        return _of_lists(array, one, key)
    if one.word == HASH:
        if key is None:
            raise AssertionError("no key to hash with")
        return _hashed(array, key)
    if one.word == TRUNCATE:
        return pc.utf8_slice_codeunits(array, start=0, stop=one.length)
    values = np.asarray(array.fill_null(0) if array.null_count else array)
    missing = np.asarray(array.is_null()) if array.null_count else None
    return pa.array(bucket_starts(values, one), array.type, mask=missing)


def bucket_starts(values: np.ndarray, one: Treatment) -> np.ndarray:
    """Return the start of every value's bucket; int64 or float32 [rows], as the values are.

    A float32 that stands for the start of a bucket is in that bucket, 0.7 in the one of 0.7 though it is a bit less.
    """
    if one.period:
        return _period_starts(values, one)
    if one.starts:
        starts = np.array(one.starts).astype(values.dtype)
        return starts[np.maximum(np.searchsorted(starts, values, side="right") - 1, 0)]
    if values.dtype.kind == "f":
        shares = values.astype(np.float64) / one.width
        nearest = np.rint(shares)
        number = np.where(np.abs(shares - nearest) <= np.abs(nearest) * _HALF_UP, nearest, np.floor(shares))
        limits = np.finfo(np.float32)
        return np.clip(number * one.width, limits.min, limits.max).astype(np.float32) + np.float32(0)
    starts = values - values % np.int64(one.width)
    return np.where(starts > values, np.iinfo(np.int64).min, starts)  # below the least there is


def _period_starts(values: np.ndarray, one: Treatment) -> np.ndarray:
    if one.period == "hour":
        return bucket_starts(values, Treatment(one.word, width=one.per_day // 24))
    days = np.clip(values // one.per_day, _YEAR_1, _YEAR_9999).astype("datetime64[D]")
    unit = {"day": "D", "month": "M", "year": "Y"}[one.period]
    first = days.astype(f"datetime64[{unit}]").astype("datetime64[D]").astype(np.int64)
    return first * np.int64(one.per_day)


def _hashed(array: pa.Array, key: PersonalKey) -> pa.Array:
    encoded = array.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    digests = [hmac.digest(key.secret, str(text).encode(), hashlib.sha256) for text in texts]
    if pa.types.is_integer(array.type):
        numbers = [int.from_bytes(digest[:8], "big") >> (64 - HASH_BITS) for digest in digests]
        hashes: pa.Array = pa.array(numbers, pa.int64())
    else:
        hashes = pa.array([digest.hex()[:_DIGITS] for digest in digests], pa.string())
    return hashes.take(encoded.indices)


def _of_lists(array: pa.Array, one: Treatment, key: PersonalKey | None) -> pa.Array:
    offsets = np.asarray(array.offsets)
    values = array.values.slice(offsets[0], offsets[-1] - offsets[0])
    missing = array.is_null() if array.null_count else None
    ends = pa.array(offsets - offsets[0], pa.int32())
    return pa.ListArray.from_arrays(ends, treated_array(values, one, key), type=array.type, mask=missing)
