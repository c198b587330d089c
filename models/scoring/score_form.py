"""What the scores of a bundle are like, by its task: how many a row has, their names, and the label that they say."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.tasks import BINARY, MULTICLASS

SCORE, SCORES = "score", "scores"


@dataclasses.dataclass(frozen=True)
class ScoreForm:
    """The form of scores: float32 [rows], or [rows, classes] of several classes, whose names `classes` are.

    `threshold` is that of a binary label, None of other tasks.
    """

    task: str = BINARY
    classes: tuple[str, ...] = ()
    threshold: float | None = None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "ScoreForm":
        """Return the form that a bundle's manifest says, which `check_manifest` has looked at."""
        return cls(manifest.get("task", BINARY), tuple(manifest.get("classes", ())), manifest.get("threshold"))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row's scores."""
        return (len(self.classes),) if self.task == MULTICLASS else ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of a row's scores, as columns of files have them.

        >>> ScoreForm().names, ScoreForm("multiclass", ("a", "b")).names
        (('score',), ('scores.a', 'scores.b'))
        """
        return tuple(f"{SCORES}.{name}" for name in self.classes) if self.task == MULTICLASS else (SCORE,)

    def none(self) -> np.ndarray:
        """Return the scores of no rows."""
        return np.empty((0, *self.shape), np.float32)

    def columns(self, scores: np.ndarray) -> list[np.ndarray]:
        """Return scores in the order of `names`, float32 [rows] each."""
        return [scores] if scores.ndim == 1 else list(scores.T)

    def leading(self, scores: np.ndarray) -> np.ndarray:
        """Return the score that counts of every row, float32 [rows]: of several classes the highest one."""
        return scores if scores.ndim == 1 else scores.max(axis=1)

    def label_numbers(self, scores: np.ndarray) -> np.ndarray | None:
        """Return what scores say: 0 or 1 (int8 [rows]), the number of a class (int64 [rows]), None of others.

        >>> ScoreForm("binary", threshold=0.5).label_numbers(np.float32([0.2, 0.5])).tolist()
        [0, 1]
        """
        if self.task == BINARY:
            return (scores >= np.float32(self.threshold)).astype(np.int8)
        return scores.argmax(axis=1) if self.task == MULTICLASS else None

    def said(self, scores: np.ndarray) -> np.ndarray:
        """Return what bundles are compared by (object [rows]): labels, names of classes, or scores of others."""
        numbers = self.label_numbers(scores)
        if numbers is None:
            return scores.astype(object)
        return np.array(self.classes, object)[numbers] if self.task == MULTICLASS else numbers.astype(object)
