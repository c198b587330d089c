"""Metrics of a use case's own: its functions, and what is said if one of them fails."""

import dataclasses
import logging
import math
import traceback
from typing import Any

import numpy as np

from models.measures.scored_rows import ScoredRows
from models.metric import Metric
from models.spec import ModelSpec
from schemas.errors import InputError
from schemas.user_code import line_in

_log = logging.getLogger(__name__)


def with_functions(spec: ModelSpec, own: tuple[Metric, ...], where: str) -> ModelSpec:
    """Return a candidate's spec with the functions of its own metrics, from the use case as it is now.

    Raises `InputError` naming `where`, the file of the use case, if one is no longer there or is another one.
    """
    found = {metric.name: metric for metric in own}
    for metric in spec.metrics:
        if metric.name not in found:
            raise InputError(f"{where}: has no metric {metric.name!r}, the candidate has; add it again, or train again")
        if found[metric.name] != metric:
            raise InputError(f"{where}: metric {metric.name!r} has other columns or another direction now; train again")
    return dataclasses.replace(spec, metrics=tuple(found[metric.name] for metric in spec.metrics))


def own_value(metric: Metric, rows: ScoredRows) -> float | None:
    """Return what a metric's function gives for some rows; None where their columns are not carried.

    Raises `InputError` if it fails or gives anything but a finite number or None; no value of the data is quoted.
    """
    if metric.function is None or not set(metric.columns) <= set(rows.columns.schema.names):
        return None
    where = f"metric {metric.name!r}"
    try:
        weight = rows.weights.astype(np.float32)
        found: Any = metric.function(rows.label, rows.scores, weight, rows.columns.select(list(metric.columns)))
    except Exception as error:
        _log.info("%s", where, exc_info=True)
        file = getattr(getattr(metric.function, "__code__", None), "co_filename", "")
        line = line_in(traceback.extract_tb(error.__traceback__), file)
        at = f" in {file} line {line}" if line else ""
        raise InputError(
            f"{where} ended in {type(error).__name__}{at}, for {len(rows.label):,} rows; it must give a finite number, "
            "or None where there is none"
        ) from None
    if found is None:
        return None
    if isinstance(found, bool | np.bool_) or not isinstance(found, int | float | np.number) or np.iscomplexobj(found):
        raise InputError(f"{where} returned a value of type {type(found).__name__}, wanted a finite number or None")
    if not math.isfinite(found):
        raise InputError(
            f"{where} returned {float(found)}, for {len(rows.label):,} rows; wanted a finite number or None"
        )
    return float(found)
