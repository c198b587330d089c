"""What a spec asks of features by their names, as XGBoost has it: by the numbers of columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.families.family import FeatureColumns
from models.feature_rules import columns_named
from models.spec import ModelSpec
from schemas.errors import InputError

MOST_CATEGORIES = 65_536
"""Of one feature: XGBoost counts gradients for every one of them."""
_BY_POSITION = {"monotone": "monotone_constraints", "interactions": "interaction_constraints"}
_CATEGORY, _NUMBER = "c", "q"


def constraints(spec: ModelSpec, columns: FeatureColumns) -> dict[str, Any]:
    """Return XGBoost's parameters for the named constraints; raises `InputError` for a name that no feature has.

    >>> spec = ModelSpec(monotone={"fare": -1}, interactions=(("age", "fare"),))
    >>> constraints(spec, FeatureColumns.floats("age", "fare"))
    {'monotone_constraints': '(0,-1)', 'interaction_constraints': '[[0,1]]'}
    """
    for field, parameter in _BY_POSITION.items():
        if getattr(spec, field) and parameter in spec.parameters:
            raise InputError(f"model: {field} and parameter {parameter!r} say the same; keep {field}, which has names")
    wide = {output.name: output.columns for output in columns.wide}
    found: dict[str, Any] = {}
    if spec.monotone:
        directions = [0] * len(columns.names)
        for name, direction in spec.monotone.items():
            for at in columns_named(name, "monotone", columns.names, wide):
                if directions[at] not in (0, direction):
                    raise InputError(f"model: monotone has both directions for feature {columns.names[at]!r}; keep one")
                directions[at] = direction
        found["monotone_constraints"] = f"({','.join(map(str, directions))})"
    if spec.interactions:
        groups = [
            [at for name in group for at in columns_named(name, "interactions", columns.names, wide)]
            for group in spec.interactions
        ]
        found["interaction_constraints"] = str([sorted(set(group)) for group in groups]).replace(" ", "")
    return found


def category_columns(spec: ModelSpec, columns: FeatureColumns) -> list[int]:
    """Return the columns that are categories, ascending; raises `InputError` for a feature that cannot be one."""
    found = []
    for name in spec.categories:
        (at,) = columns_named(name, "categories", columns.names, {})
        several = [output.name for output in columns.wide if at in range(len(columns.names))[output.columns]]
        if several or columns.kinds[at] != "int":
            what = f"one of several columns of output {several[0]!r}" if several else "a float"
            raise InputError(
                f"model: categories: feature {name!r} is {what}, wanted an output that is one integer, as "
                "tft.compute_and_apply_vocabulary makes"
            )
        found.append(at)
    return sorted(found)


def feature_types(categories: list[int], features: int) -> list[str] | None:
    """Return XGBoost's types of so many features, None if none is a category."""
    if not categories:
        return None
    return [_CATEGORY if at in categories else _NUMBER for at in range(features)]


def categories_of(types: Sequence[str] | None) -> list[int]:
    """Return the columns that XGBoost's feature types say are categories."""
    return [at for at, kind in enumerate(types or ()) if kind == _CATEGORY]


def with_missing(features: np.ndarray, categories: list[int]) -> np.ndarray:
    """Return features (float32 [rows, features]) in which an id below 0, as of a word not seen, is a missing value.

    XGBoost takes none below 0 in training; scoring does the same, so that both mean the same.

    >>> with_missing(np.float32([[-1, -1], [3, 0]]), [1]).tolist()
    [[-1.0, nan], [3.0, 0.0]]
    """
    if not categories:
        return features
    made = features.copy()
    ids = made[:, categories]
    ids[ids < 0] = np.nan
    made[:, categories] = ids
    return made


def check_categories(features: np.ndarray, categories: list[int], names: tuple[str, ...]) -> None:
    """Raise `InputError` for a category beyond what is trained on; `features` are float32 [rows, features]."""
    for at in categories:
        most = np.nanmax(features[:, at], initial=-1)
        if most >= MOST_CATEGORIES:
            raise InputError(
                f"model: categories: feature {names[at]!r} has ids up to {int(most):,}, wanted at most "
                f"{MOST_CATEGORIES - 1:,}; keep the most frequent words with top_k, or take it out of categories"
            )
