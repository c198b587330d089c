"""What a search and the processes that try say to each other, as values that are pickled."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from models.families.family import FeatureColumns
from models.tuning.space import Parameters
from models.tuning.trial import Measured


@dataclasses.dataclass(frozen=True)
class Shared:
    """What all trials share: a spec as JSON, the columns, the folders of the two splits, one for models, the metric.

    `metric_rows` is the file with the eval rows' raw columns for the use case's own metrics, whose functions are in its
    file; None where it has no metrics.
    """

    spec: Mapping[str, Any]
    columns: FeatureColumns
    train: pathlib.Path
    evaluation: pathlib.Path
    folder: pathlib.Path
    metric: str
    use_case: str
    use_case_path: str | None
    metric_rows: pathlib.Path | None


@dataclasses.dataclass(frozen=True)
class TrialAsked:
    """A trial that is to be made."""

    parameters: Parameters


@dataclasses.dataclass(frozen=True)
class Ready:
    """Of a process: it takes trials."""


@dataclasses.dataclass(frozen=True)
class Look:
    """Of a trial: how good its model is after so many rounds. The answer is whether it is to be ended."""

    rounds: int
    value: float


@dataclasses.dataclass(frozen=True)
class Succeeded:
    """Of a trial: what came of it."""

    measured: Measured
    seconds: float


@dataclasses.dataclass(frozen=True)
class Failed:
    """Of a trial: why nothing came of it, in one line, and where it ended."""

    reason: str
    trace: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class NoRoom:
    """Of a trial: the machine's error, which is no fault of its parameters."""

    errno: int
    filename: str
