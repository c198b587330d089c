"""One trial: a model with some parameters, trained on train, stopped by and measured on eval."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from models.evaluation.evaluation import evaluate
from models.families.family import FeatureColumns, Split, TrainingRun
from models.families.table.choice import family_of
from models.measures.numbers import numbers_in
from models.spec import BEST_F1, ModelSpec
from models.tasks import BINARY
from models.tuning.objective import signal

LOOKS = 20
"""How often a trial says how good its model is, at most: every so many rounds of those that it may have."""

_LEAST_THRESHOLD = float(np.float32(1e-7))
_MOST_THRESHOLD = float(np.nextafter(np.float32(1), np.float32(0)))


@dataclasses.dataclass(frozen=True)
class Measured:
    """What became of a trial: its rounds, and the metrics of evaluation on eval that are one number each.

    `metrics` is None of a trial that was pruned, which has no model to measure.
    """

    rounds: int
    metrics: Mapping[str, float | int | None] | None


def run_trial(
    spec: ModelSpec,
    columns: FeatureColumns,
    train: Split,
    evaluation: Split,
    columns_of_eval: pa.RecordBatch,
    metric: str,
    folder: pathlib.Path,
    hopeless: Callable[[int, float], bool],
) -> Measured:
    """Train and measure; `folder` takes the model, of which nothing is kept.

    `columns_of_eval` are the raw ones of the eval rows that the spec's own metrics get, whose functions it has.

    `hopeless` hears rounds and signal (`objective.signal`) at `LOOKS` points of the training, and ends it by True.
    Raises what `Family.train` raises.
    """
    looks = _Looks(metric, spec.higher_is_better(metric) is False, max(1, spec.rounds // LOOKS), hopeless)
    family = family_of(spec.family)
    trained = family.train(spec, columns, train, evaluation, TrainingRun(on_round=looks))
    if looks.ended_at:
        return Measured(looks.ended_at, None)
    trained.save(folder)
    model = family.load(folder)
    whole = dataclasses.replace(evaluation, slices={})
    found = evaluate(model, dataclasses.replace(spec, gates=()), whole, whole, columns_of_eval).metrics
    return Measured(trained.rounds, numbers_in(found))


def with_threshold(spec: ModelSpec, metrics: Mapping[str, Any]) -> ModelSpec:
    """Return the spec with the threshold that was chosen on eval by a trial's own scores, if it is to be chosen at all.

    The model of the end is trained on the rows of eval too, and is surer of them than of new ones: by its scores there
    the threshold would be a wrong one. The trial's scores are of rows that its model was not trained on.
    """
    if spec.task != BINARY or spec.threshold != BEST_F1:
        return spec
    return dataclasses.replace(spec, threshold=min(max(metrics["threshold"], _LEAST_THRESHOLD), _MOST_THRESHOLD))


class _Looks:
    """Hears of every round, and asks at each `every`-th whether the training shall go on."""

    def __init__(self, metric: str, less_is_better: bool, every: int, hopeless: Callable[[int, float], bool]):
        self._metric, self._less_is_better, self._every, self._hopeless = metric, less_is_better, every, hopeless
        self.ended_at = 0

    def __call__(self, rounds: int, metrics: Mapping[str, float]) -> bool:
        if rounds % self._every:
            return False
        value = signal(self._metric, self._less_is_better, metrics)
        if value is not None and self._hopeless(rounds, value):
            self.ended_at = rounds
        return self.ended_at > 0
