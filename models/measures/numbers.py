"""Those metrics of an evaluation that are one number each."""

from collections.abc import Mapping
from typing import Any


def numbers_in(metrics: Mapping[str, Any]) -> dict[str, float | int | None]:
    """Return the metrics that are a number, or None for one that cannot be computed.

    >>> numbers_in({"auc": 0.5, "f1": None, "confusion": {"true_positive": 1}})
    {'auc': 0.5, 'f1': None}
    """
    return {name: one for name, one in metrics.items() if one is None or type(one) in (int, float)}
