"""The family: what trains, loads and describes one kind of model, behind one protocol.

A family is a module whose functions are those of `Family`. Beside the table (`choice.py`) and the names in
`models/spec.py`, nothing in models or jobs names one: they ask `choice.family_of` for the one that a spec or a manifest
names.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from models.families.checkpoints import NO_CHECKPOINTS, Checkpoints
from models.families.team import ALONE, Team
from models.spec import ModelSpec
from transforms.graph.wide_outputs import WideOutput


@dataclasses.dataclass(frozen=True)
class FeatureColumns:
    """What the columns of a feature matrix are: their names, and `int` or `float` for each, in the frozen order.

    `wide` are the outputs of the graph that are several of these columns: vectors, and lists of ids, counted.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    wide: tuple[WideOutput, ...] = ()

    @classmethod
    def floats(cls, *names: str) -> "FeatureColumns":
        """Return columns of floats.

        >>> FeatureColumns.floats("age", "fare").kinds
        ('float', 'float')
        """
        return cls(names, ("float",) * len(names))


@dataclasses.dataclass(frozen=True)
class Split:
    """The rows of one split of a training set, as a family trains on them.

    Features float32 [rows, features], where NaN is a missing value; label float32 [rows]; by name the slices, strings
    [rows], null where missing; and what each row counts for, float32 [rows], None where all count for 1. Of a ranking,
    `query` (int64 [rows]) is equal in rows that are ranked together.
    """

    features: np.ndarray
    label: np.ndarray
    slices: Mapping[str, pa.DictionaryArray]
    weight: np.ndarray | None = None
    query: np.ndarray | None = None


def never_ends(rounds: int, metrics: Mapping[str, float]) -> bool:
    """Let a training go on."""
    return False


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """How a training goes on this machine; nothing here says what the model is.

    `on_round` hears, after every round, how many rounds the model has and its metrics on the eval split by name; where
    it returns True, the training ends there, with what it has. `team` are the workers that train one model together:
    within it a split is this worker's part, and sums over all rows are `team.total`. `checkpoints` is where a training
    saves itself, and what it goes on from. `rows_at_once` is given where features are a file that is mapped and larger
    than memory: they are then copied so many rows at a time, and what else is large goes into files of `work_folder`.
    """

    on_round: Callable[[int, Mapping[str, float]], bool] = never_ends
    team: Team = ALONE
    checkpoints: Checkpoints = NO_CHECKPOINTS
    rows_at_once: int | None = None
    work_folder: pathlib.Path | None = None


class Model(Protocol):
    """A loaded model; safe to call from several threads."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features in the order of the columns, by the names that `Family.names_in_model` gives them."""

    @property
    def classes(self) -> int:
        """How many classes it gives a score each; 0 if it gives one number per row."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return the scores of features float32 [rows, features]: float32 [rows], or [rows, classes] of several.

        They are the probability of label 1, that of every class, the expected number, or what a query's rows are
        ordered by.
        """

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Return what every feature adds to a row, the bias last: float32 [rows, features + 1].

        They add up to the log-odds of its score, to the score, or to its logarithm, as `Loss.link` says; of several
        classes, float32 [rows, classes, features + 1], to numbers of which the scores are the softmax.
        """


class Trained(Protocol):
    """A model that was just trained, and how it came about."""

    @property
    def rounds(self) -> int:
        """How many rounds of training are in the model."""

    @property
    def history(self) -> Mapping[str, Sequence[float]]:
        """The metrics on the eval split, by name, one value per round that was trained."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All parameters that the model was trained with, as plain JSON values."""

    def save(self, folder: pathlib.Path) -> None:
        """Write the model into a folder, from which `Family.load` reads it; the same model gives the same bytes."""


class Family(Protocol):
    """What a family can do. Its functions read nothing but their arguments."""

    def check_parameters(self, spec: ModelSpec, columns: FeatureColumns, /) -> None:
        """Raise `InputError` for parameters of a spec that training on such features would not take or use."""

    def check_run(self, spec: ModelSpec, workers: int, in_memory: bool, /) -> None:
        """Raise `InputError` for a training by so many workers, or not in memory, that the family does not have."""

    def draws(self, spec: ModelSpec, /) -> bool:
        """Say whether training draws by chance in a way that a checkpoint cannot keep."""

    def names_in_model(self, feature_names: Sequence[str], /) -> tuple[str, ...]:
        """Return the names by which a model knows features, for libraries that do not take every name."""

    def train(
        self, spec: ModelSpec, columns: FeatureColumns, train: Split, evaluation: Split | None, run: TrainingRun, /
    ) -> Trained:
        """Train on one split and stop by the other; raises what `check_parameters` raises.

        Without another split, all of the spec's rounds are trained and there is no history. The caller has looked at
        the labels: both of a binary one in either split, every class in `train`. The same splits and spec give the same
        model. A run that is asked to end saves itself, if it has checkpoints, and raises `Interrupted`.
        """

    def load(self, folder: pathlib.Path, /) -> Model:
        """Read what `Trained.save` wrote; raises `ArtifactError` for anything that is not a model to score with."""

    def describe(self, folder: pathlib.Path, /) -> dict[str, Any]:
        """Return what a person asks of a model in a folder, as plain JSON values; raises as `load` does."""

    def versions(self) -> dict[str, str]:
        """Return the versions of the libraries that decide what a model trains to and scores, by their names."""
