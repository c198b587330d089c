"""What a network of the family `keras` learns of a split: targets, weights, the loss of a row, metrics."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from models.families.family import Split
from models.families.networks.keras_parameters import AUC, AUC_PR, BALANCED
from models.families.team import Team
from models.measures.ranked import Ranked
from models.spec import ModelSpec
from models.tasks import BINARY, MULTICLASS

_MORE_IS_BETTER = (AUC, AUC_PR)


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a network learns: for every row a target, float32 [rows] or int32 [rows] of classes, and a weight."""

    task: str
    start: np.ndarray
    positives: float = 1.0
    mean: float = 0.0
    deviation: float = 1.0
    stop_by: str | None = None

    @property
    def shift(self) -> float:
        """What is added to scaled outputs of the network to make them margins: the balance is taken out again."""
        return -float(np.log(self.positives)) if self.task == BINARY else self.mean

    def targets(self, split: Split) -> tuple[np.ndarray, np.ndarray]:
        """Return the targets and weights of a split's rows."""
        weight = np.ones(len(split.label), np.float32) if split.weight is None else split.weight
        if self.task == BINARY and self.positives != 1.0:
            weight = weight * np.where(split.label == 1, np.float32(self.positives), np.float32(1))
        if self.task == MULTICLASS:
            return split.label.astype(np.int32), weight
        return ((split.label - np.float32(self.mean)) / np.float32(self.deviation)).astype(np.float32), weight

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the loss of every row [rows] for outputs [rows, outputs]."""
        if self.task == MULTICLASS:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
        if self.task == BINARY:
            return tf.nn.sigmoid_cross_entropy_with_logits(targets, outputs[:, 0])
        return tf.square(targets - outputs[:, 0])

    def metrics(self, targets: np.ndarray, weight: np.ndarray, outputs: np.ndarray, team: Team) -> dict[str, float]:
        """Return what is measured on all parts of the eval split, of which these rows are one; what stops the training
        last."""
        losses = self.losses(tf.constant(targets), tf.constant(outputs)).numpy().astype(np.float64)
        loss = team.mean(losses, weight)
        if self.task == MULTICLASS:
            found = {"merror": team.mean(outputs.argmax(axis=1) != targets, weight), "mlogloss": loss}
        elif self.task == BINARY:
            found = {"logloss": loss, **self._of_order(targets, weight, outputs[:, 0], team)}
        else:
            far = team.mean(np.abs(targets.astype(np.float64) - outputs[:, 0]), weight)
            found = {"mae": far * self.deviation, "rmse": float(np.sqrt(loss)) * self.deviation}
        if self.stop_by is not None:
            found[self.stop_by] = found.pop(self.stop_by)
        return found

    def cost(self, found: Mapping[str, float]) -> float:
        """Return what stops the training as a number of which less is better.

        It is infinite if any metric is not finite: scores that are no numbers have an order too, that of the rows.

        >>> Goal(BINARY, np.zeros(1), stop_by="auc").cost({"logloss": 0.2, "auc": 0.75})
        -0.75
        """
        *_, value = found.values()
        if not np.isfinite(list(found.values())).all():
            return np.inf
        return -value if self.stop_by in _MORE_IS_BETTER else value

    def _of_order(self, targets: np.ndarray, weight: np.ndarray, outputs: np.ndarray, team: Team) -> dict[str, float]:
        """Return the metric of the order of rows that stops the training, if one does; it takes all parts together."""
        if self.stop_by not in _MORE_IS_BETTER:
            return {}
        label, outputs = team.joined(targets == 1), team.joined(outputs)
        sums = Ranked(label, outputs).sums(team.joined(weight).astype(np.float64)[np.newaxis])
        return {self.stop_by: float((sums.auc() if self.stop_by == AUC else sums.average_precision())[0])}


def goal_of(spec: ModelSpec, parameters: Mapping[str, Any], split: Split, team: Team) -> Goal:
    """Return what is learnt of a train split, or of a part of it in a team; what it says of labels is of all parts."""
    weight = np.ones(len(split.label)) if split.weight is None else split.weight.astype(np.float64)
    label = split.label.astype(np.float64)
    if spec.task == BINARY:
        share = team.mean(label, weight)
        balance = (1 - share) / share if parameters["class_weights"] == BALANCED else 1.0
        return Goal(spec.task, np.log([share * balance / (1 - share)]), positives=balance, stop_by=spec.stop_by)
    if spec.task == MULTICLASS:
        counts = np.bincount(label.astype(np.int64), weight, minlength=len(spec.classes))
        *counted, total = team.total([*counts, weight.sum()])
        return Goal(spec.task, np.log(np.maximum(np.array(counted) / total, 1e-9)), stop_by=spec.stop_by)
    mean = team.mean(label, weight)
    deviation = float(np.sqrt(team.mean((label - mean) ** 2, weight)))
    return Goal(spec.task, np.zeros(1), mean=mean, deviation=deviation, stop_by=spec.stop_by)
