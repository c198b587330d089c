"""Consumer loans: the 2,672 / 891 / 891 rows of chapter 6 of "Machine Learning Bookcamp".

The row of unknown status is dropped; `train_test_split(test_size=0.2, random_state=11)`, then of the rest
`train_test_split(test_size=0.25, random_state=11)`. Parameters are chosen on folds of train and validation together,
the book's on validation.
"""

import gzip
import pathlib

import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks.published.rows import Protocol, write_lines

_SEED = 11
_EVERY = 10  # one of so many rows of train is eval where no other rows are


def protocols(data: pathlib.Path, folder: pathlib.Path) -> list[Protocol]:
    """Write the rows of both: those of validation measure, or they train too and those of test measure."""
    header, lines, train, validation, test = _rows(data)
    both = np.concatenate([train, validation])
    return [
        _written(folder, "credit_scoring-validation", header, lines, train, validation),
        _written(folder, "credit_scoring-test", header, lines, both, test),
    ]


def _rows(data: pathlib.Path) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    text = gzip.decompress((data / "credit_scoring" / "CreditScoring.csv.gz").read_bytes()).decode()
    header, *rows = text.splitlines()
    lines = np.array([line for line in rows if not line.startswith("0,")], object)
    rest, test = train_test_split(np.arange(len(lines)), test_size=0.2, random_state=_SEED)
    train, validation = train_test_split(rest, test_size=0.25, random_state=_SEED)
    return header, lines, train, validation, test


def _written(
    folder: pathlib.Path, name: str, header: str, lines: np.ndarray, train: np.ndarray, test: np.ndarray
) -> Protocol:
    is_eval = np.arange(len(train)) % _EVERY == 0
    parts = {"train": train[~is_eval], "eval": train[is_eval], "test": test}
    texts = {part: lines[rows].tolist() for part, rows in parts.items()}
    return Protocol(name=name, use_case="credit_scoring", **write_lines(folder, name, texts, header))
