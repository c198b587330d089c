"""House prices in Ames: five splits of 60/20/20, by seeds 0 to 4.

A split's parameters are chosen on folds of its own train and eval: rows of its test are others' train.
"""

import gzip
import pathlib

import numpy as np

from benchmarks.published.rows import Protocol, write_lines

SEEDS = range(5)


def protocols(data: pathlib.Path, folder: pathlib.Path, use_case: str, where: pathlib.Path | None) -> list[Protocol]:
    """Write the rows of the five splits, for a use case that is shipped or in a folder."""
    header, lines = _lines(data)
    found = []
    for seed in SEEDS:
        parts = {part: lines[rows].tolist() for part, rows in split(len(lines), seed).items()}
        files = write_lines(folder, f"{use_case}-{seed}", parts, header)
        found.append(Protocol(name=f"{use_case}-{seed}", use_case=use_case, use_case_path=where, **files))
    return found


def split(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Return which rows are whose.

    >>> {name: len(rows) for name, rows in split(1_460, 0).items()}
    {'train': 876, 'eval': 292, 'test': 292}
    """
    order = np.random.RandomState(seed).permutation(rows)
    train, test = rows * 6 // 10, rows * 8 // 10
    return {"train": order[:train], "eval": order[train:test], "test": order[test:]}


def _lines(data: pathlib.Path) -> tuple[str, np.ndarray]:
    text = gzip.decompress((data / "house_prices" / "train.csv.gz").read_bytes()).decode()
    header, *lines = text.splitlines()
    return header, np.array(lines, object)
