"""The table of families: which module is the family of a name. A new family is a line here, and its name in
`models/spec.py`.

A family is imported only when it is asked for, so that its library is not loaded for the sake of its name.
"""

import importlib
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from models.spec import FAMILIES
from schemas.errors import InputError

if TYPE_CHECKING:
    from models.families.family import Family  # numpy and Arrow, which the table needs not

_MODULES: Mapping[str, str] = {
    "xgboost": "models.families.boosting.xgb",
    "keras": "models.families.networks.keras_net",
}  # of FAMILIES
_DESCRIPTIONS: Mapping[str, str] = {  # modules with `describe` alone
    "xgboost": "models.families.boosting.xgb_description",
    "keras": "models.families.networks.keras_description",
}

# What a family trains with and scores with, whose libraries take seconds to import: so that a program can have them
# before it needs them.
THAT_TRAIN: Mapping[str, str] = {
    "xgboost": "models.families.boosting.xgb",
    "keras": "models.families.networks.keras_trained",
}
THAT_SCORE: Mapping[str, str] = {
    "xgboost": "models.families.boosting.xgb",
    "keras": "models.families.networks.keras_model",
}
# What a model of a family starts with where the family alone is chosen: rounds at most, and rounds without a gain.
ROUNDS: Mapping[str, tuple[int, int]] = {"xgboost": (500, 20), "keras": (50, 5)}


def family_of(name: str) -> "Family":
    """Return the family of that name, whose library is imported now; raises `InputError` if there is none.

    >>> family_of("forest")
    Traceback (most recent call last):
    schemas.errors.InputError: model: family is 'forest', wanted one of xgboost, keras
    """
    if name not in _MODULES:
        raise InputError(f"model: family is {name!r}, wanted one of {', '.join(FAMILIES)}")
    return cast("Family", importlib.import_module(_MODULES[name]))


def describe_model(name: str, folder: pathlib.Path) -> dict[str, Any]:
    """Return what `Family.describe` does of a model of that family, without its library; raises as `load` does."""
    if name not in _DESCRIPTIONS:
        return family_of(name).describe(folder)
    return importlib.import_module(_DESCRIPTIONS[name]).describe(folder)
