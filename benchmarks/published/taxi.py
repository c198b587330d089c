"""Taxi trips: the split that TFX's own example recorded, its Split-train and Split-eval.

Parameters are chosen on folds of Split-train.
"""

import pathlib

from benchmarks.published.rows import Protocol

_FILES = 12
_OPTIONS = {"data_format": "tfrecord"}


def protocols(data: pathlib.Path, folder: pathlib.Path) -> list[Protocol]:
    """Return TFX's split; the last file of Split-train is eval."""
    *train, last = _files(data, "train")
    test = tuple(_files(data, "eval"))
    return [Protocol(name="taxi", use_case="taxi", train=tuple(train), eval=(last,), test=test, options=_OPTIONS)]


def _files(data: pathlib.Path, split: str) -> list[pathlib.Path]:
    folder = data / "chicago_taxi" / "tfx_testdata" / "csv_example_gen" / f"Split-{split}"
    return [folder / f"data_tfrecord-{at:05}-of-{_FILES:05}.gz" for at in range(_FILES)]
