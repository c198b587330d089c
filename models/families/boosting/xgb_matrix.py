"""The rows of a split as XGBoost takes them: in memory, or piece by piece from a file that is larger than memory."""

import mmap
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xgboost

from models.families.boosting.query_order import by_query
from models.families.boosting.xgb_columns import feature_types, with_missing
from models.families.family import Split, TrainingRun


def matrix(
    split: Split,
    weight: np.ndarray | None,
    names: Sequence[str],
    run: TrainingRun,
    categories: list[int],
    max_bin: int,
    like: xgboost.DMatrix | None = None,
) -> xgboost.DMatrix:
    """Return a split with the weight of its rows (float32 [rows]), its columns by names; some are `categories`.

    Rows of queries are query by query, each in the order of its rows, and weigh as their query does.

    With `run.rows_at_once` it is what XGBoost keeps of the rows, a byte or two a value, in files of `run.work_folder`:
    cut into at most `max_bin` bins a column, or as those of `like` are if another split is given, which is how rows are
    that a training stops by.
    """
    types = feature_types(categories, len(names))
    if run.rows_at_once is None:
        queries = None
        if split.query is not None:
            split, queries, weight = by_query(split)
        return xgboost.DMatrix(
            with_missing(split.features, categories),
            label=split.label,
            weight=weight,
            qid=queries,
            feature_names=list(names),
            feature_types=types,
            enable_categorical=types is not None,
        )
    folder = pathlib.Path(run.work_folder or ".")
    folder.mkdir(parents=True, exist_ok=True)
    cache = str(folder / ("eval" if like is not None else "train"))
    pieces = _Pieces(split, weight, names, categories, run.rows_at_once, cache)
    return xgboost.ExtMemQuantileDMatrix(pieces, ref=like, max_bin=max_bin, enable_categorical=types is not None)


class _Pieces(xgboost.DataIter):
    """Gives XGBoost so many rows at a time; the mapped file's pages are given back after each."""

    def __init__(
        self,
        split: Split,
        weight: np.ndarray | None,
        names: Sequence[str],
        categories: list[int],
        rows: int,
        cache: str,
    ):
        self._split, self._weight, self._names, self._rows = split, weight, list(names), rows
        self._categories = categories
        self._at = 0
        super().__init__(cache_prefix=cache, release_data=True, on_host=False)

    def reset(self) -> None:
        self._at = 0

    def next(self, input_data: Callable[..., Any]) -> bool:
        if self._at >= len(self._split.label):
            return False
        piece = slice(self._at, self._at + self._rows)
        features = np.array(self._split.features[piece])
        mapped = self._split.features.base
        if isinstance(mapped, mmap.mmap):
            mapped.madvise(mmap.MADV_DONTNEED)
        weight = None if self._weight is None else self._weight[piece]
        input_data(
            data=with_missing(features, self._categories),
            label=self._split.label[piece],
            weight=weight,
            feature_names=self._names,
            feature_types=feature_types(self._categories, len(self._names)),
        )
        self._at += self._rows
        return True
