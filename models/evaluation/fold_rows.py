"""Which rows of a split every fold trains on, stops by and scores."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from models.evaluation.folds import Folds
from models.families.family import Split
from schemas.errors import InputError
from schemas.nearest import listed


@dataclasses.dataclass(frozen=True)
class FoldRows:
    """The rows of one fold, bool [rows] each; no row is in two of them."""

    train: np.ndarray
    stop: np.ndarray
    scored: np.ndarray


def fold_rows(folds: Folds, split: Split, where: str) -> list[FoldRows]:
    """Return the rows of every fold. Each row is scored once; by time, those of the first two blocks never are.

    The fold behind the one that is scored stops the training and chooses the threshold, as the eval split does; by time
    it is the block before it. Rows of one query are in one fold. Raises `InputError`, naming `where`, for a column
    that the examples do not carry, and for folds without rows.
    """
    if split.query is not None and (folds.time_by or folds.group_by):
        raise InputError(f"{where}: rows of one query stay together, which other columns would cut; leave them out")
    if folds.time_by is not None:
        blocks = _blocks(_times(split, folds.time_by, where), folds.count + 2)
        _check_rows(blocks, folds.count + 2, f"{where}: too few different times in {folds.time_by!r}")
        return [FoldRows(blocks <= at, blocks == at + 1, blocks == at + 2) for at in range(folds.count)]
    if split.query is not None:
        hashes = _hashes([query.tobytes() for query in split.query], folds.seed)
    elif folds.group_by is None:
        hashes = _hashes([row.tobytes() for row in np.ascontiguousarray(split.features)], folds.seed)
    else:
        column = _column(split, folds.group_by, where)
        names = ["\0", *(f"={value}" for value in column.dictionary.to_pylist())]
        hashes = _hashes([name.encode() for name in names], folds.seed)[column.indices.fill_null(-1).to_numpy() + 1]
    parts = (hashes / 2.0**64 * folds.count).astype(np.int64).clip(max=folds.count - 1)
    _check_rows(parts, folds.count, f"{where}: too few different rows or groups")
    found = []
    for at in range(folds.count):
        scored, stop = parts == at, parts == (at + 1) % folds.count
        found.append(FoldRows(~(scored | stop), stop, scored))
    return found


def _column(split: Split, name: str, where: str) -> pa.DictionaryArray:
    if name not in split.slices:
        known = listed(list(split.slices)) if split.slices else "none"
        raise InputError(
            f"{where}: its examples do not carry column {name!r} (they carry {known}); name it in the model's slices "
            "and build the training set again"
        )
    return split.slices[name]


def _times(split: Split, name: str, where: str) -> np.ndarray:
    """Return the times of rows, float64 [rows], in whatever unit the column has them."""
    column = _column(split, name, where)
    values = np.empty(len(column.dictionary), np.float64)
    for code, text in enumerate(column.dictionary.to_pylist()):
        try:
            values[code] = float(text)
        except ValueError:
            values[code] = np.nan
    codes = column.indices.fill_null(-1).to_numpy()
    times = np.where(codes < 0, np.nan, values[codes] if len(values) else np.nan)
    if bad := int((~np.isfinite(times)).sum()):
        raise InputError(f"{where}: {bad:,} rows have no number in {name!r}, wanted a time as a number in each")
    return times


def _blocks(times: np.ndarray, count: int) -> np.ndarray:
    """Return the block of every row in the order of time; rows of one time are in one block.

    >>> _blocks(np.array([3.0, 1.0, 2.0, 2.0]), 2).tolist()
    [1, 0, 0, 0]
    """
    earlier = np.searchsorted(np.sort(times), times, side="left")
    return earlier * count // max(len(times), 1)


def _hashes(values: Sequence[bytes], seed: int) -> np.ndarray:
    """Return a number from 0 to 2**64 of each value, float64 [values]: the same on every machine."""
    key = seed.to_bytes(16, "big")
    digests = b"".join(hashlib.blake2b(value, digest_size=8, key=key).digest() for value in values)
    return np.frombuffer(digests, ">u8").astype(np.float64)


def _check_rows(parts: np.ndarray, count: int, what: str) -> None:
    if (np.bincount(parts, minlength=count) == 0).any():
        raise InputError(f"{what} for {count} parts, of which each must have rows; take fewer folds")
