"""A network of the family `keras` that is loaded: a SavedModel that TensorFlow alone runs, without Keras."""

import io
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from models.families.networks import shapley
from models.families.networks.keras_description import read_facts
from schemas.errors import ArtifactError, OnegraphError
from schemas.plain_files import read_plain
from transforms.graph.graph import use_one_thread
from transforms.graph.operations import check_saved_model
from transforms.graph.packets import padded
from transforms.graph.saved_model import check_path

NETWORK, BACKGROUND = "network", "background.npy"
BACKGROUND_ROWS = 32
_LARGEST = 64 * 1024 * 1024
_MOST_ROWS = 1 << 14  # of one call, so that memory stays bounded


class KerasModel:
    """A loaded network. Safe to call from several threads; nothing is traced after `load`.

    `feature_names` are the columns in their order; `classes` is 0 if it gives one number per row.
    """

    def __init__(self, function: Any, known: dict[str, Any], background: np.ndarray):
        self.feature_names = tuple(known["feature_names"])
        self.classes: int = known["classes"]
        self._function, self._captured = function, function.captured_inputs
        self._together = [(first, width) for first, width in known["together"]]
        self._background = background

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return the scores of features float32 [rows, features], where NaN is missing: float32 [rows (, classes)]."""
        return self._called(features)[1]

    def margins(self, features: np.ndarray) -> np.ndarray:
        """Return what the scores are made of: log-odds, or the expected number; float32 [rows, 1 or classes]."""
        return self._called(features)[0]

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Return what every feature adds to the log-odds of a row, the bias last: float32 [rows, features + 1].

        `features` are float32 [rows, features]. Of several classes, float32 [rows, classes, features + 1]. They are
        Shapley values by sampling (`shapley`) against background rows that are like those of train: single ones are
        estimates, the same each time; what they add up to is off by at most a hundred-thousandth of the margins.
        """
        made = shapley.contributions(self.margins, features, self._background, self._together)
        return made if self.classes else made[:, 0]

    def _called(self, features: np.ndarray) -> list[np.ndarray]:
        """Return margins and scores of rows. The raw operation does what calling the function does, and binds less."""
        parts = []
        for start in range(0, max(len(features), 1), _MOST_ROWS):
            part = features[start : start + _MOST_ROWS]
            given = np.zeros((padded(len(part)), len(self.feature_names)), np.float32)
            given[: len(part)] = part
            found = tf.raw_ops.StatefulPartitionedCall(
                args=[given, *self._captured], Tout=[tf.float32, tf.float32], f=self._function
            )
            parts.append([one.numpy()[: len(part)] for one in found])
        return parts[0] if len(parts) == 1 else [np.concatenate(one) for one in zip(*parts, strict=True)]


def load(folder: pathlib.Path) -> KerasModel:
    """Read a model folder; raises `ArtifactError` if it does not load, or scores otherwise than when it was saved.

    The background rows are scored again: their bits must be those that are kept beside them.
    """
    known = read_facts(folder)
    check_path(folder)
    use_one_thread()
    background, scores = _background(folder / BACKGROUND, len(known["feature_names"]), known["classes"])
    check_saved_model(folder / NETWORK)
    try:
        model = KerasModel(_function(folder / NETWORK, known), known, background)
        found = model.predict(background)
    except (OnegraphError, MemoryError):
        raise
    except Exception as error:  # whatever a foreign SavedModel does to TensorFlow's loader
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArtifactError(f"{folder}: its SavedModel does not load: {line}") from None
    if found.shape != scores.shape or found.tobytes() != scores.tobytes():
        raise ArtifactError(
            f"{folder}: its network scores otherwise than when it was saved; do not score with it on this processor "
            "with these libraries"
        )
    return model


def _function(folder: pathlib.Path, known: dict[str, Any]) -> Any:
    """Return the SavedModel's function of features, whose inputs and outputs are as the facts say."""
    loaded = tf.saved_model.load(str(folder))
    (function,) = loaded.score.concrete_functions
    wanted = (len(known["feature_names"]), known["classes"])
    given, made = function.inputs[: len(function.inputs) - len(function.captured_inputs)], function.outputs
    shapes = [[None, wanted[1] or 1], [None, wanted[1]] if wanted[1] else [None]]
    if (
        [(one.dtype, one.shape.as_list()) for one in given] != [(tf.float32, [None, wanted[0]])]
        or any(one.dtype != tf.float32 for one in made)
        or [one.shape.as_list() for one in made] != shapes
    ):
        raise ArtifactError(f"{folder.parent}: its network is of other features or scores than it says; train again")
    function._loaded = loaded  # what the function captures lives as long as it
    return function


def _background(path: pathlib.Path, features: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the background rows, float32 [rows, features], and the scores that they must have."""
    try:
        table = np.load(io.BytesIO(read_plain(path, _LARGEST)), allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError, SyntaxError, TypeError, OverflowError):
        raise ArtifactError(f"{path}: no background rows; train again") from None
    if table.dtype != np.float32 or table.shape != (BACKGROUND_ROWS, features + (classes or 1)):
        raise ArtifactError(f"{path}: background rows of another number or type; train again")
    scores = np.ascontiguousarray(table[:, features:])
    return np.ascontiguousarray(table[:, :features]), scores if classes else scores[:, 0]
