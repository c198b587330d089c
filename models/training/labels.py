"""Labels: what a use case's `label` may give, one number per row, and what is said if it gives something else.

A binary label is 0 or 1, a multiclass one the number of a class, that of a regression any finite number, that of a
ranking one of 0 or more; NaN says that a row has none. No value is quoted: values are counted by kind.
"""

import collections
import logging
import pathlib
import re
import traceback
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from models.spec import ModelSpec
from models.tasks import BINARY, MULTICLASS, RANKING, REGRESSION
from models.use_case import UseCase
from schemas.errors import InputError
from schemas.nearest import did_you_mean, listed
from schemas.probe_rows import probe_rows
from schemas.schema import TRAINING
from schemas.user_code import in_one_line, line_in

_NUMBERS = "fiub"
_NUMBER_OR_NONE = (int, float, np.number, np.bool_, type(None))
_MISTAKES = (NameError, AttributeError, TypeError, ImportError, IndexError)
_NO_COLUMN = re.compile(r'Field "(.*)" does not exist in schema')
_ROWS = 16
_SHOWN = 5
TRAIN = "train"

_log = logging.getLogger(__name__)


def wanted(spec: ModelSpec) -> str:
    """Return what `label` must give per row, for people.

    >>> wanted(ModelSpec(task="multiclass", classes=("low", "high")))
    'the number of a class, 0 to 1, or, if a row has no label, NaN'
    """
    if spec.task == REGRESSION:
        return "a finite number or, if a row has no label, NaN"
    if spec.task == RANKING:
        return "how relevant the row is, a finite number of 0 or more, or, if a row has no label, NaN"
    if spec.task == MULTICLASS:
        return f"the number of a class, 0 to {len(spec.classes) - 1}, or, if a row has no label, NaN"
    return "0, 1 or, if a row has no label, NaN"


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
    _one_number_per_row(found, rows.num_rows, where, use_case.model)


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
        raise InputError(
            f"{where}: label() ended in {type(error).__name__}{at}; it must give {wanted(use_case.model)}"
        ) from None
    return _one_number_per_row(found, batch.num_rows, where, use_case.model)


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


def _one_number_per_row(found: object, rows: int, where: str, spec: ModelSpec) -> np.ndarray:
    """Return numbers as float32 [rows]: floats, integers or bools, from NumPy, Arrow or pandas, or in a list."""
    asked = f"wanted a float array with one number per row: {wanted(spec)}"
    try:
        array = np.asarray(found)
    except Exception:
        array = np.asarray(None)
    if array.shape != (rows,):
        got = f"a value of type {type(found).__name__}" if array.ndim == 0 else f"shape {array.shape} for {rows} rows"
        raise InputError(f"{where}: label() returned {'None' if found is None else got}, {asked}")
    if array.dtype.kind not in _NUMBERS:
        others = {type(value).__name__ for value in array.tolist() if not isinstance(value, _NUMBER_OR_NONE)}
        if others or array.dtype.kind != "O":
            kinds = ", ".join(sorted(others)) if array.dtype.kind in "OUS" else array.dtype
            raise InputError(f"{where}: label() returned values of type {kinds}, {asked}")
    with np.errstate(over="ignore"):  # what is beyond float32 is infinite, and refused as that
        return array.astype(np.float32)


def wrong(label: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """Return which labels (float32 [rows]) the task does not allow: bool [rows]; NaN is no label, not a wrong one.

    >>> wrong(np.array([0, 1, 2, 0.5, np.nan], np.float32), ModelSpec()).tolist()
    [False, False, True, True, False]
    """
    if spec.task == REGRESSION:
        return np.isinf(label)
    if spec.task == RANKING:
        return np.isinf(label) | (label < 0)
    most = 1 if spec.task == BINARY else len(spec.classes) - 1
    fits = (label >= 0) & (label <= most) & (np.trunc(label) == label)
    return ~(fits | np.isnan(label))


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


def in_words(kinds: Mapping[str, int], spec: ModelSpec) -> str:
    """Return counts of wrong labels for people.

    >>> in_words({"whole numbers": 800, "fractions": 12}, ModelSpec())
    '812 values that are neither 0 nor 1 (800 whole numbers, 12 fractions)'
    """
    listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    are = {
        BINARY: "neither 0 nor 1",
        MULTICLASS: f"no number of the {len(spec.classes)} classes",
        REGRESSION: "no finite number",
        RANKING: "no finite number of 0 or more",
    }
    return f"{sum(kinds.values()):,} values that are {are[spec.task]} ({listed})"


def class_rows(label: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """Return how many rows every class has (int64 [classes]) in a label that is right; none but of multiclass.

    >>> class_rows(np.array([1, 1, 0], np.float32), ModelSpec(task="multiclass", classes=("a", "b", "c"))).tolist()
    [1, 2, 0]
    """
    return np.bincount(label.astype(np.int64), minlength=len(spec.classes)) if spec.classes else np.zeros(0, np.int64)


def without_rows(rows: Sequence[int], spec: ModelSpec) -> str:
    """Return which classes have no rows, for people, "" if all have; `rows` are those of every class.

    >>> without_rows([0, 7, 0], ModelSpec(task="multiclass", classes=("a", "b", "c")))
    "no row of class 'a', 'c'"
    """
    empty = [repr(name) for name, count in zip(spec.classes, rows, strict=True) if not count]
    more = f" and {len(empty) - _SHOWN:,} more" if len(empty) > _SHOWN else ""
    return f"no row of class {', '.join(empty[:_SHOWN])}{more}" if empty else ""


def check_values(label: np.ndarray, spec: ModelSpec, split: str) -> None:
    """Raise `InputError`, naming the split, for a label (float32 [rows]) with values that the task does not allow.

    Builds refuse them today; a training set of before may have them.
    """
    bad = wrong(label, spec) | np.isnan(label)
    if bad.any():
        said = in_words(kinds_of(label[bad]), spec)
        raise InputError(f"{split} split: its label has {said}; mend label() and build again")


def has_both(label: np.ndarray) -> bool:
    """Return whether 0 and 1 are in a label (float32 [rows])."""
    return bool((label == 0).any() and (label == 1).any())


def check_split(label: np.ndarray, spec: ModelSpec, split: str, weight: np.ndarray | None = None) -> None:
    """Raise `InputError`, naming the split, for a label (float32 [rows]) that the task cannot be learnt or stopped by.

    Both splits need both labels of a binary task. Of the others, train needs every class, or numbers that differ, and
    either split a row. Rows whose `weight` (float32 [rows]) is 0 do not count.
    """
    check_values(label, spec, split)
    rows = "rows"
    if weight is not None and not weight.all():
        label, rows = label[weight > 0], "rows with a weight above 0"
    if spec.task == BINARY:
        if not has_both(label):
            only = f"no {rows}" if not len(label) else f"only label {int(label[0])} in {len(label)} {rows}"
            raise InputError(f"{split} split: {only}, wanted both labels; use more data or another label")
        return
    if not len(label):
        raise InputError(f"{split} split: no {rows}; use more data")
    if split != TRAIN:
        return
    if spec.task == MULTICLASS and (gone := without_rows(class_rows(label, spec).tolist(), spec)):
        raise InputError(f"{split} split: {gone}, wanted {rows} of each; use more data, or take it out of the classes")
    if spec.task in (REGRESSION, RANKING) and (label == label[0]).all():
        raise InputError(f"{split} split: one label in all of {len(label)} {rows}; use more data or another label")
