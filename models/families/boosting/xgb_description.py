"""What a person asks of an XGBoost model file, read off the file itself: XGBoost takes a second to import.

That the numbers are those that XGBoost says is tested.
"""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from models.families.boosting import trees, ubjson
from schemas.errors import ArtifactError

FILE = "model.ubj"

# XGBoost takes no feature's name that has one of these.
ESCAPES: dict[str, str | int | None] = {"[": "%5B", "]": "%5D", "<": "%3C"}


def describe(folder: pathlib.Path) -> dict[str, Any]:
    """Return trees, features, and each feature's share of the gain; raises `ArtifactError` for what is no model."""
    learner = ubjson.parse(checked_model(folder / FILE))["learner"]
    booster = learner["gradient_booster"]
    try:
        model = booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]
        gain = _gain_by_feature(model["trees"], learner.get("feature_names", []))
        total = sum(gain.values()) or 1.0
        shares = {name: round(value / total, 4) for name, value in sorted(gain.items(), key=lambda item: -item[1])}
        return {
            "family": "xgboost",
            "objective": str(learner["objective"]["name"]),
            "trees": len(model["trees"]),
            "features": int(learner["learner_model_param"]["num_feature"]),
            "share_of_gain": shares,
        }
    except (KeyError, TypeError, ValueError, IndexError):
        raise ArtifactError(f"{folder / FILE}: not a model of trees as this version writes it; train again") from None


def checked_model(path: pathlib.Path) -> bytes:
    """Return the bytes of a model file, looked at for what XGBoost does not check itself; raises `ArtifactError`."""
    if not path.is_file():
        raise ArtifactError(f"{path}: no such model file")
    data = path.read_bytes()
    try:
        trees.check_model(data)
    except ValueError as error:
        raise ArtifactError(f"{path}: not an XGBoost model: {error}") from None
    return data


def _gain_by_feature(found: Iterable[Mapping[str, Any]], names: list[str]) -> dict[str, float]:
    """Return the sum of what splits by each feature gained, by its name; features without a split are left out."""
    gain: dict[str, float] = {}
    for tree in found:
        inner = np.flatnonzero(np.asarray(tree["left_children"]) != -1)
        features = np.asarray(tree["split_indices"])[inner].tolist()
        for feature, gained in zip(features, np.asarray(tree["loss_changes"])[inner].tolist(), strict=True):
            name = _shown(names[feature]) if names else f"f{feature}"
            gain[name] = gain.get(name, 0.0) + gained
    return gain


def _shown(name: str) -> str:
    for letter, escape in ESCAPES.items():
        name = name.replace(str(escape), letter)
    return name
