"""The rule for features that are no number: NaN is a missing value, infinity rejects its row.

A model would sort infinity behind every number without a word, or refuse the batch. So a row with an infinite feature
(a division by zero, float32 overflown) is rejected on every path, in a build as in scoring.
"""

from collections.abc import Sequence

import numpy as np

from schemas.rejection import Reason, Rejection, Stage, pointer

_FEATURES = "/features"  # where a prediction has them; no raw field has such a path


def feature_pointer(name: str) -> str:
    """Return the JSON pointer to a feature.

    >>> feature_pointer("fare_z")
    '/features/fare_z'
    """
    return _FEATURES + pointer(name)


def has_infinite(features: np.ndarray) -> bool:
    """Say whether any of the features (float32 [rows, features]) is infinite: 5 ns a row."""
    return bool(np.isinf(features).any())


def infinite_rows(features: np.ndarray, names: Sequence[str]) -> list[Rejection]:
    """Return a rejection for every row with an infinite feature, with the first such feature as its path.

    >>> found = infinite_rows(np.float32([[1, 2], [np.nan, np.inf]]), ["fare", "a/b"])
    >>> [(rejection.row, rejection.reason.value, rejection.path) for rejection in found]
    [(1, 'FEATURE_NONFINITE', '/features/a~1b')]
    """
    if not has_infinite(features):
        return []
    infinite = np.isinf(features)
    rows = np.flatnonzero(infinite.any(axis=1))
    first = infinite[rows].argmax(axis=1)
    return [
        Rejection(row, Stage.SCORE, Reason.FEATURE_NONFINITE, feature_pointer(names[index]))
        for row, index in zip(rows.tolist(), first.tolist(), strict=True)
    ]


def kept_rows(rows: int, rejections: Sequence[Rejection]) -> np.ndarray:
    """Return the rows, of so many, that are not rejected (int64)."""
    keep = np.ones(rows, np.bool_)
    keep[[rejection.row for rejection in rejections]] = False
    return np.flatnonzero(keep)
