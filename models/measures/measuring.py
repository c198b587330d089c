"""What is measured of each task, with the spec's own metrics: of all test rows, or of those of a slice's value."""

import dataclasses
from typing import Any

import numpy as np

from models.families.family import Model, Split
from models.losses import Quantile, Tweedie, loss_of
from models.measures import class_metrics, metrics, number_metrics
from models.measures.class_metrics import ClassMetrics
from models.measures.metrics import ScoreMetrics
from models.measures.number_metrics import NumberMetrics
from models.measures.own_metrics import own_value
from models.measures.rank_metrics import RankedQueries
from models.measures.ranked import Ranked
from models.measures.resampling import Measure
from models.measures.scored_rows import ScoredRows
from models.measures.threshold_table import gain, threshold_table
from models.spec import BEST_F1, ModelSpec
from models.tasks import BINARY, MULTICLASS, RANKING
from schemas.errors import InputError

WHOLE_ONLY = ("classes", "confusion")
"""Of several classes: what the values of a slice do not repeat."""


@dataclasses.dataclass(frozen=True)
class Measuring:
    """How the scores of a model are measured; `threshold` is that of a binary one, 0 of others."""

    spec: ModelSpec
    threshold: float = 0.0

    def measure(self, rows: ScoredRows) -> tuple[Measure, np.ndarray]:
        """Return what gives the metrics of rows whatever they count for, but for the spec's own, and what they do.

        What counts is float64 [rows], of a ranking [queries].
        """
        if self.spec.task == BINARY:
            return ScoreMetrics(rows.label, rows.scores, self.threshold, rows.weight, self.spec.costs), rows.weights
        if self.spec.task == MULTICLASS:
            return ClassMetrics(rows.label, rows.scores, rows.weight), rows.weights
        if self.spec.task == RANKING:
            return RankedQueries.of(rows, self.spec).measure()
        return NumberMetrics(rows.label, rows.scores, *self._of_numbers()), rows.weights

    def metrics(self, rows: ScoredRows) -> dict[str, Any]:
        """Return all metrics of some rows, the spec's own among them, as plain JSON values."""
        own = {metric.name: own_value(metric, rows) for metric in self.spec.metrics}
        given = rows.label, rows.scores
        if self.spec.task == BINARY:
            return {**metrics.of_scores(*given, self.threshold, rows.weight, self.spec.costs), **own}
        if self.spec.task == MULTICLASS:
            return {**class_metrics.of_classes(*given, self.spec.classes, rows.weight), **own}
        if self.spec.task == RANKING:
            return {**RankedQueries.of(rows, self.spec).metrics(), **own}
        return {**number_metrics.of_numbers(*given, rows.weight, *self._of_numbers()), **own}

    def of_slice(self, rows: ScoredRows) -> dict[str, Any]:
        """Return the metrics of the rows of one value of a slice."""
        found = self.metrics(rows)
        return {name: value for name, value in found.items() if "classes" not in found or name not in WHOLE_ONLY}

    def curves(self, rows: ScoredRows) -> dict[str, Any]:
        """Return what is drawn of a task."""
        if self.spec.task == MULTICLASS:
            return class_metrics.curves(rows.label, rows.scores, rows.weight, self.spec.classes)
        if self.spec.task == RANKING:
            return RankedQueries.of(rows, self.spec).curves()
        if self.spec.task != BINARY:
            return number_metrics.curves(rows.label, rows.scores, rows.weight)
        found = metrics.curves(rows.label, rows.scores, rows.weight)
        found["gain"] = gain(Ranked(rows.label == 1, rows.scores), rows.weight)
        if self.spec.costs is not None:
            table = self.thresholds(rows)
            found["cost"] = {name: table[name] for name in ("threshold", "cost")}
        return found

    def thresholds(self, rows: ScoredRows) -> dict[str, Any]:
        """Return the table of thresholds of a binary model."""
        ranked = Ranked(rows.label == 1, rows.scores.astype(np.float64))
        return threshold_table(ranked, self.threshold, rows.weight, self.spec.costs)

    def _of_numbers(self) -> tuple[float, float]:
        """Return the quantile of the pinball loss and the Tweedie power: those of the model's loss, if it has one."""
        loss = loss_of(self.spec.task, self.spec.loss)
        return (
            loss.level if isinstance(loss, Quantile) else number_metrics.QUANTILE,
            loss.power if isinstance(loss, Tweedie) else number_metrics.TWEEDIE_POWER,
        )


def measuring(spec: ModelSpec, model: Model, eval_split: Split) -> Measuring:
    """Return how a candidate is measured; the threshold of a binary one may be chosen on the eval split."""
    if spec.task != BINARY:
        return Measuring(spec)
    if spec.threshold == BEST_F1:
        scores = scores_of(model, eval_split.features, "eval split")
        return Measuring(spec, metrics.best_f1_threshold(eval_split.label, scores, eval_split.weight))
    return Measuring(spec, float(np.float32(spec.threshold)))  # what scores, float32, are compared with


def scores_of(model: Model, features: np.ndarray, where: str) -> np.ndarray:
    """Return a model's scores; raises `InputError` for any that is no finite number: nothing can be said of it."""
    scores = model.predict(features)
    if not (finite := np.isfinite(scores)).all():
        bad = len(finite) - int(finite.reshape(len(finite), -1).all(axis=1).sum())
        raise InputError(f"{where}: the scores of {bad:,} of {len(scores):,} rows are not finite; train again")
    return scores
