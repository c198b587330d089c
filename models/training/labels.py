"""Labels: what a use case's `label` may give, one number per row, and what is said if it gives something else.

A binary label is 0 or 1; NaN says that a row has none. No value is quoted: values are counted by kind.
"""

import collections
import logging
import pathlib
import re
import traceback
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from models.use_case import UseCase
from schemas.errors import InputError
from schemas.nearest import did_you_mean, listed
from schemas.probe_rows import probe_rows
from schemas.schema import TRAINING
from schemas.user_code import in_one_line, line_in

_NUMBERS = "fiub"
_NUMBER_OR_NONE = (int, float, np.number, np.bool_, type(None))
WANTED = "0, 1 or, if a row has no label, NaN"
_MISTAKES = (NameError, AttributeError, TypeError, ImportError, IndexError)
_NO_COLUMN = re.compile(r'Field "(.*)" does not exist in schema')
_ROWS = 16

_log = logging.getLogger(__name__)


def check_function(use_case: UseCase) -> None:
    """Call `label` on made-up rows, before any data is read; raises `InputError` for what is wrong whatever the data.

    An exception that may come of the values says nothing here.
    """
    where = str(use_case.transform)
    rows = probe_rows(use_case.treated_schema.environment(TRAINING), _ROWS, missing=False)
    try:
        found = use_case.label(rows)
    except Exception as error:
        file = getattr(getattr(use_case.label, "__code__", None), "co_filename", "")
        name = _missing_column(error, file, rows)
        if name is not None:
            names, line = rows.schema.names, line_in(traceback.extract_tb(error.__traceback__), file)
            raise InputError(
                f"{where}{f' line {line}' if line else ''}: label() wants column {name!r}, which is not in the schema "
                f"({listed(names)}){did_you_mean(name, names)}"
            ) from None
        _log.info("%s: label() on made-up rows", where, exc_info=True)
        if isinstance(error, _MISTAKES):
            raise InputError(in_one_line(error, file, where, "label() ended in ")) from None
        return
    _one_number_per_row(found, rows.num_rows, where)


def make_labels(use_case: UseCase, batch: pa.RecordBatch) -> np.ndarray:
    """Return what `label` gives for a raw batch, float32 [rows]; its values are not checked here.

    Raises `InputError`, naming file and line, if it fails or gives anything but one number per row.
    """
    where = str(use_case.transform)
    try:
        found = use_case.label(batch)
    except Exception as error:
        # Its text may quote a value of the data.
        line = traceback.extract_tb(error.__traceback__)[1:2]
        at = f" at line {line[0].lineno}" if line else ""
        raise InputError(f"{where}: label() ended in {type(error).__name__}{at}; it must give {WANTED}") from None
    return _one_number_per_row(found, batch.num_rows, where)


def _missing_column(error: Exception, file: str, rows: pa.RecordBatch) -> str | None:
    """Return which column an exception says is missing: Arrow's words, or the key of a frame or dict.

    A key that comes of values may be in data: one that is made up, or is not written in the file, says nothing.
    """
    if not isinstance(error, KeyError):
        return None
    if named := _NO_COLUMN.search(str(error)):
        return named[1]
    key = error.args[0] if error.args else None
    if not isinstance(key, str) or key in rows.schema.names or any(key in column.to_pylist() for column in rows):
        return None
    try:
        return key if key and key in pathlib.Path(file).read_text(encoding="utf-8") else None
    except (OSError, ValueError):
        return None


def _one_number_per_row(found: object, rows: int, where: str) -> np.ndarray:
    """Return numbers as float32 [rows]: floats, integers or bools, from NumPy, Arrow or pandas, or in a list."""
    wanted = f"wanted a float array with one number per row: {WANTED}"
    try:
        array = np.asarray(found)
    except Exception:
        array = np.asarray(None)
    if array.shape != (rows,):
        got = f"a value of type {type(found).__name__}" if array.ndim == 0 else f"shape {array.shape} for {rows} rows"
        raise InputError(f"{where}: label() returned {'None' if found is None else got}, {wanted}")
    if array.dtype.kind not in _NUMBERS:
        others = {type(value).__name__ for value in array.tolist() if not isinstance(value, _NUMBER_OR_NONE)}
        if others or array.dtype.kind != "O":
            kinds = ", ".join(sorted(others)) if array.dtype.kind in "OUS" else array.dtype
            raise InputError(f"{where}: label() returned values of type {kinds}, {wanted}")
    return array.astype(np.float32)


def wrong(label: np.ndarray) -> np.ndarray:
    """Return which labels (float32 [rows]) are neither 0 nor 1 nor NaN: bool [rows].

    >>> wrong(np.array([0, 1, 2, 0.5, np.nan], np.float32)).tolist()
    [False, False, True, True, False]
    """
    return ~((label == 0) | (label == 1) | np.isnan(label))


def kinds_of(label: np.ndarray) -> collections.Counter[str]:
    """Count wrong labels (float32 [rows]) by kind.

    >>> dict(kinds_of(np.array([2, -1, 0.5, np.inf], np.float32)))
    {'whole numbers': 2, 'fractions': 1, 'infinite': 1}
    """
    finite = np.isfinite(label)
    whole = finite & (np.trunc(label) == label)
    masks = {
        "whole numbers": whole,
        "fractions": finite & ~whole,
        "infinite": np.isinf(label),
        "missing": np.isnan(label),
    }
    return collections.Counter({kind: int(mask.sum()) for kind, mask in masks.items() if mask.any()})


def in_words(kinds: Mapping[str, int]) -> str:
    """Return counts of wrong labels for people.

    >>> in_words({"whole numbers": 800, "fractions": 12})
    '812 values that are neither 0 nor 1 (800 whole numbers, 12 fractions)'
    """
    listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    return f"{sum(kinds.values()):,} values that are neither 0 nor 1 ({listed})"


def check_values(label: np.ndarray, split: str) -> None:
    """Raise `InputError`, naming the split, for a label (float32 [rows]) with values that are neither 0 nor 1.

    Builds refuse them today; a training set of before may have them.
    """
    bad = wrong(label) | np.isnan(label)
    if bad.any():
        raise InputError(f"{split} split: its label has {in_words(kinds_of(label[bad]))}; mend label() and build again")


def has_both(label: np.ndarray) -> bool:
    """Return whether 0 and 1 are in a label (float32 [rows])."""
    return bool((label == 0).any() and (label == 1).any())


def check_split(label: np.ndarray, split: str) -> None:
    """Raise `InputError`, naming the split, for a label (float32 [rows]) to train on that is not of 0 and 1, both."""
    check_values(label, split)
    if not has_both(label):
        only = "no rows" if not len(label) else f"only label {int(label[0])} in {len(label)} rows"
        raise InputError(f"{split} split: {only}, wanted both labels; use more data or another label")
