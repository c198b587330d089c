"""One round of a network's training: every row of the train split once, some of them in each step of the optimizer.

Of a team every step has the rows that it has with one worker: the order of a round is of all rows, and a worker takes
those of a step that are in its part. What each makes of them, the gradients' sum divided by the step's rows, is added
up over the workers. So all make the step that one process makes, but for its rounding, and keep the same weights:
synchronous training with all-reduce, Chen and others 2016 (arXiv:1604.00981). It goes over XGBoost's collective: a team
is joined by it anyway, it notices at once that a worker has ended, and a sum takes it a third to a tenth of the time of
TensorFlow's, whose strategies want servers and ports of their own.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models.families.family import Split
from models.families.networks.keras_goal import Goal
from models.families.networks.keras_inputs import Inputs
from models.families.networks.keras_layers import KerasLayers
from models.families.networks.keras_network import NetworkForm, outputs_of
from models.families.team import Team


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of a train split that are this worker's: of all `total` those from `first` on.

    Features float32 [rows, features], targets [rows], and weights float32 [rows], whose mean over all rows is 1.
    """

    features: tf.Tensor
    targets: tf.Tensor
    weight: tf.Tensor
    first: int
    total: int

    @classmethod
    def of(cls, goal: Goal, split: Split, team: Team) -> "Rows":
        """Return those of a split, in a team those of this worker's part; parts may be of unequal size."""
        targets, weight = goal.targets(split)
        sizes = team.gathered(len(targets))
        (weights,) = team.total([float(weight.sum(dtype=np.float64))])
        scaled = weight / np.float32(weights / sum(sizes))
        features, targets, weight = (tf.constant(one) for one in (split.features, targets, scaled))
        return cls(features, targets, weight, sum(sizes[: team.rank]), sum(sizes))

    def taken(self, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return features, targets and weights of some of them, by int32 [n] numbers from 0 for `first`."""
        return tf.gather(self.features, numbers), tf.gather(self.targets, numbers), tf.gather(self.weight, numbers)

    def mine(self, order: np.ndarray, size: int) -> list[np.ndarray]:
        """Return for every step of a round, so many of all rows in an order, the numbers of those that are here.

        >>> rows = Rows(None, np.zeros(3), None, first=2, total=6)
        >>> [one.tolist() for one in rows.mine(np.array([5, 2, 1, 0, 4, 3]), 4)]
        [[0], [2, 1]]
        """
        places = np.flatnonzero((order >= self.first) & (order < self.first + len(self.targets)))
        cuts = np.searchsorted(places, range(size, self.total, size))
        return np.split(order[places] - self.first, cuts)


class Step:
    """What a step computes: the gradients of all that is trained, and by them the next weights."""

    def __init__(self, layers: KerasLayers, optimizer: Any, inputs: Inputs, form: NetworkForm, goal: Goal):
        self._layers, self._optimizer, self._inputs, self._form, self._goal = layers, optimizer, inputs, form, goal
        self._variables = [variable.value for variable in layers.variables]
        self._shapes = [variable.shape for variable in self._variables]

    def gradients(
        self, rows: Sequence[tf.Tensor], mean: Callable[[tf.Tensor], tf.Tensor] = tf.reduce_mean
    ) -> list[tf.Tensor]:
        """Return the gradients for features, targets and weights of rows: those of the `mean` of weighted losses."""
        features, targets, weight = rows
        with tf.GradientTape() as tape:
            losses = self._goal.losses(targets, outputs_of(self._form, self._inputs.prepared(features), self._layers))
            loss = mean(losses * weight)
        found = tape.gradient(loss, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        # an id's come as a row for each of its examples, of which Adam would add up the squares, not square the sum
        return [tf.convert_to_tensor(one) for one in found]

    def part(self, rows: Sequence[tf.Tensor], of: tf.Tensor) -> tf.Tensor:
        """Return what rows add to the gradients of a step `of` so many, one behind the other: float32 [numbers]."""
        found = self.gradients(rows, lambda losses: tf.reduce_sum(losses) / of)
        return tf.concat([tf.reshape(one, [-1]) for one in found], 0)

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """Change the weights."""
        self._optimizer.apply(gradients, self._layers.variables)

    def apply_sum(self, gradients: tf.Tensor) -> None:
        """Change the weights by the sum of all parts."""
        parts = tf.split(gradients, [shape.num_elements() for shape in self._shapes])
        self.apply([tf.reshape(part, shape) for part, shape in zip(parts, self._shapes, strict=True)])


def whole_round(step: Step, rows: Rows, size: int, team: Team) -> Callable[[np.ndarray], None]:
    """Return the function of one round: of all rows in an order, int32 [total], so many at a time."""
    if team.workers > 1:
        return _round_of_team(step, rows, size, team)

    @tf.function
    def whole(order: tf.Tensor, size: tf.Tensor) -> None:
        for start in tf.range(0, tf.shape(order)[0], size):
            step.apply(step.gradients(rows.taken(order[start : start + size])))

    return lambda order: whole(tf.constant(order), tf.constant(size, tf.int32))


def _round_of_team(step: Step, rows: Rows, size: int, team: Team) -> Callable[[np.ndarray], None]:
    part = tf.function(
        lambda numbers, of: step.part(rows.taken(numbers), of),
        input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.float32)],
    )
    apply = tf.function(step.apply_sum)

    def whole(order: np.ndarray) -> None:
        for start, numbers in zip(range(0, rows.total, size), rows.mine(order, size), strict=True):
            of = np.float32(min(size, rows.total - start))
            apply(tf.constant(team.summed(part(tf.constant(numbers), tf.constant(of)).numpy())))

    return whole
