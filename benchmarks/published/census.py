"""Census income: the three splits of interpret's published comparison, of adult.data alone.

`StratifiedShuffleSplit(n_splits=3, test_size=0.25, random_state=1337)`. Parameters are chosen on adult.test, whose rows
no split has: five folds of it.
"""

import gzip
import pathlib

import numpy as np
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

from benchmarks.published.rows import Protocol, write_lines

_EVERY = 10  # one of so many rows of train is eval
_FOLDS = 5


def protocols(data: pathlib.Path, folder: pathlib.Path) -> list[Protocol]:
    """Write the rows of the three splits."""
    lines, labels = _lines(data, "adult.data.gz")
    splits = StratifiedShuffleSplit(n_splits=3, test_size=0.25, random_state=1337).split(lines, labels)
    return [_written(folder, f"census-{at}", lines, *rows) for at, rows in enumerate(splits, 1)]


def validation(data: pathlib.Path, folder: pathlib.Path) -> list[Protocol]:
    """Write the rows of adult.test, each fifth of them once what is measured by."""
    lines, labels = _lines(data, "adult.test.gz")
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(lines, labels)
    return [_written(folder, f"census-validation-{at}", lines, *rows) for at, rows in enumerate(folds, 1)]


def _written(folder: pathlib.Path, name: str, lines: np.ndarray, train: np.ndarray, test: np.ndarray) -> Protocol:
    is_eval = np.arange(len(train)) % _EVERY == 0
    parts = {"train": train[~is_eval], "eval": train[is_eval], "test": test}
    files = write_lines(folder, name, {part: lines[rows].tolist() for part, rows in parts.items()})
    return Protocol(name=name, use_case="census", options={"csv_header": "none"}, **files)


def _lines(data: pathlib.Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows without the blanks behind commas, and which of them are of more than 50,000 dollars."""
    text = gzip.decompress((data / "census_income" / name).read_bytes()).decode()
    lines = np.array([line.replace(", ", ",") for line in text.splitlines() if line.count(",") == 14], object)
    return lines, np.array([">50K" in line for line in lines])
