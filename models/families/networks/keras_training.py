"""How a network of the family `keras` is trained: Keras's layers and optimizer, and a loop of our own.

A loop of our own, since the rows are in memory and an epoch is then one call of TensorFlow; and `keras.Model.fit` takes
its seeds from the whole process.
"""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.families.family import Split, TrainingRun
from models.families.networks import keras_checkpoint
from models.families.networks.keras_inputs import Inputs
from models.families.networks.keras_network import NetworkForm, outputs_of
from models.families.networks.keras_parameters import WIDE_AND_DEEP
from models.spec import ModelSpec
from models.tasks import BINARY, MULTICLASS
from schemas.errors import InputError
from transforms.graph.graph import use_one_thread

_log = logging.getLogger(__name__)

_CHUNK = 8192
_BACKEND = "tensorflow"


class KerasLayers:
    """Keras's own layers, made when they are first asked for, each with a seed of its own."""

    def __init__(self, seed: int, dropout: float):
        self._seed, self._dropout, self._made = seed, dropout, dict[str, Any]()
        self.training = False

    @property
    def variables(self) -> list[Any]:
        """All that is trained, in the order of the layers."""
        return [variable for layer in self._made.values() for variable in layer.trainable_variables]

    def weights(self) -> dict[str, list[np.ndarray]]:
        """Return the weights of every layer that has any, by its name."""
        found = {name: [np.array(one) for one in layer.get_weights()] for name, layer in self._made.items()}
        return {name: found[name] for name, layer in self._made.items() if layer.trainable_variables}

    def seeds(self) -> dict[str, np.ndarray]:
        """Return how far the layers that draw by chance have drawn."""
        drawing = {name: getattr(layer, "seed_generator", None) for name, layer in self._made.items()}
        return {name: one.state.numpy() for name, one in drawing.items() if one is not None}

    def set_seeds(self, seeds: Mapping[str, np.ndarray]) -> None:
        """Take back what `seeds` returned."""
        for name, state in seeds.items():
            self._made[name].seed_generator.state.assign(state)

    def set_weights(self, weights: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Take back what `weights` returned."""
        for name, values in weights.items():
            self._made[name].set_weights(values)

    def dense(self, name: str, x: tf.Tensor, units: int, bias: bool = True) -> tf.Tensor:
        if name not in self._made:
            start = keras.initializers.GlorotUniform(self._next_seed())
            self._made[name] = keras.layers.Dense(
                units, use_bias=bias, kernel_initializer=start, name=name, dtype="float32"
            )
        return self._made[name](x)

    def embedding(self, name: str, places: tf.Tensor, size: int) -> tf.Tensor:
        return self._made[name](places)

    def add_embedding(self, name: str, inputs: Inputs, size: int) -> None:
        """Make a table of embeddings; the row of ids that train does not have is zeros, and stays so."""
        start = keras.initializers.RandomUniform(-0.05, 0.05, self._next_seed())
        layer = keras.layers.Embedding(inputs.embeddings, size, start, name=name, dtype="float32")
        layer.build(None)
        (table,) = layer.get_weights()
        table[inputs.unseen] = 0
        layer.set_weights([table])
        self._made[name] = layer

    def total(self, parts: Sequence[tf.Tensor]) -> tf.Tensor:
        return tf.add_n(list(parts))

    def dropout(self, name: str, x: tf.Tensor) -> tf.Tensor:
        if not self._dropout:
            return x
        if name not in self._made:
            self._made[name] = keras.layers.Dropout(self._dropout, seed=self._next_seed(), name=name, dtype="float32")
        return self._made[name](x, training=self.training)

    def _next_seed(self) -> int:
        return (self._seed * 1009 + len(self._made)) % 2**31


@dataclasses.dataclass(frozen=True)
class Fitted:
    """The weights of a trained network by its layers' names, and how it came about."""

    weights: Mapping[str, Sequence[np.ndarray]]
    rounds: int
    history: Mapping[str, Sequence[float]]


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a network learns: for every row a target, float32 [rows] or int32 [rows] of classes, and a weight."""

    task: str
    start: np.ndarray
    positives: float = 1.0
    mean: float = 0.0
    deviation: float = 1.0

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

    def metrics(self, targets: np.ndarray, weight: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
        """Return what is measured on the eval split; the last stops the training."""
        losses = self.losses(tf.constant(targets), tf.constant(outputs)).numpy().astype(np.float64)
        loss = float(np.average(losses, weights=weight))
        if self.task == MULTICLASS:
            wrong = float(np.average(outputs.argmax(axis=1) != targets, weights=weight))
            return {"merror": wrong, "mlogloss": loss}
        if self.task == BINARY:
            return {"logloss": loss}
        far = float(np.average(np.abs(targets.astype(np.float64) - outputs[:, 0]), weights=weight))
        return {"mae": far * self.deviation, "rmse": float(np.sqrt(loss)) * self.deviation}


def fit(
    spec: ModelSpec,
    parameters: Mapping[str, Any],
    inputs: Inputs,
    form: NetworkForm,
    goal: Goal,
    train: Split,
    evaluation: Split | None,
    run: TrainingRun,
) -> Fitted:
    """Train a network on one split, stop by the other's loss, and return it as it was after its best round.

    Rows go in an order that the seed and the number of the round make. Computed by one thread, the same arguments give
    the same bytes on the same kind of processor.
    """
    if keras.backend.backend() != _BACKEND:
        raise InputError(
            f"KERAS_BACKEND is {keras.backend.backend()}, wanted {_BACKEND}, which scores what Keras trains"
        )
    use_one_thread()
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        _log.warning(
            "TensorFlow has computed with several threads in this process before, and goes on so: the network may "
            "differ in its last bits from one that is trained in a process of its own"
        )
    layers = _layers(spec, parameters, inputs, form, goal)
    step, decay = float(parameters["learning_rate"]), float(parameters["weight_decay"])
    optimizer = keras.optimizers.AdamW(step, weight_decay=decay)
    optimizer.build(layers.variables)
    epoch = _epoch_of(layers, optimizer, inputs, form, goal)
    targets, weight = goal.targets(train)
    given = [tf.constant(one) for one in (train.features, targets, weight / weight.mean(dtype=np.float64).astype("f"))]
    state = keras_checkpoint.restored(run.checkpoints.last(), layers, optimizer) or keras_checkpoint.State.of(layers)
    history = state.history
    was_over = state.rounds > 0 and _is_over(state, evaluation, spec)
    for number in range(state.rounds + 1, state.rounds + 1 if was_over else spec.rounds + 1):
        order = np.random.default_rng((spec.seed, number)).permutation(len(targets)).astype(np.int32)
        layers.training = True
        epoch(*given, tf.constant(order), tf.constant(parameters["batch_size"], tf.int32))
        layers.training = False
        found: dict[str, float] = {}
        if evaluation is not None:
            found = goal.metrics(*goal.targets(evaluation), _outputs(layers, inputs, form, evaluation.features))
            for name, value in found.items():
                history.setdefault(name, []).append(value)
            *_, loss = found.values()
            if not np.isfinite(loss) and number == 1:
                raise InputError(f"keras: the loss on split eval is {loss} after a round; make learning_rate smaller")
            if loss < state.best_loss:
                state.best, state.best_round, state.best_loss = layers.weights(), number, loss
        state.rounds = number
        asked = run.checkpoints.asked_to_end()
        if asked or run.checkpoints.due(number):
            run.checkpoints.save(state.checkpoint(layers, optimizer))
        if asked:
            raise run.checkpoints.interrupted(number)
        if run.on_round(number, found) or _is_over(state, evaluation, spec):
            break
    if evaluation is None:
        state.best, state.best_round = layers.weights(), state.rounds
    best = state.best
    if not all(np.isfinite(one).all() for values in best.values() for one in values):
        raise InputError("keras: a weight of the trained network is not finite; make learning_rate smaller")
    return Fitted(best, state.best_round, history)


def _is_over(state: keras_checkpoint.State, evaluation: Split | None, spec: ModelSpec) -> bool:
    return evaluation is not None and state.rounds - state.best_round >= spec.early_stopping_rounds


def _layers(
    spec: ModelSpec, parameters: Mapping[str, Any], inputs: Inputs, form: NetworkForm, goal: Goal
) -> KerasLayers:
    """Return the layers of a network with their first weights; its outputs begin at the label's mean."""
    layers = KerasLayers(spec.seed, parameters["dropout"])
    if inputs.embeddings:
        layers.add_embedding("embeddings", inputs, form.embedding_size)
        if form.network == WIDE_AND_DEEP:
            layers.add_embedding("wide_ids", inputs, form.outputs)
    columns = max([0, *inputs.numbers, *inputs.ids, *(first + width - 1 for first, width in inputs.bags)]) + 1
    outputs_of(form, inputs.prepared(tf.zeros([1, columns])), layers)
    weights = layers.weights()
    weights["output"] = [weights["output"][0], goal.start.astype(np.float32)]
    layers.set_weights(weights)
    return layers


def _epoch_of(layers: KerasLayers, optimizer: Any, inputs: Inputs, form: NetworkForm, goal: Goal) -> Any:
    """Return the function of one round: rows in an order, so many at a time, each time a step of the optimizer."""
    variables = [variable.value for variable in layers.variables]

    def step(features: tf.Tensor, targets: tf.Tensor, weight: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            losses = goal.losses(targets, outputs_of(form, inputs.prepared(features), layers))
            loss = tf.reduce_mean(losses * weight)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        optimizer.apply(gradients, layers.variables)

    @tf.function
    def epoch(features: tf.Tensor, targets: tf.Tensor, weight: tf.Tensor, order: tf.Tensor, size: tf.Tensor) -> None:
        for start in tf.range(0, tf.shape(order)[0], size):
            rows = order[start : start + size]
            step(tf.gather(features, rows), tf.gather(targets, rows), tf.gather(weight, rows))

    return epoch


def _outputs(layers: KerasLayers, inputs: Inputs, form: NetworkForm, features: np.ndarray) -> np.ndarray:
    """Return what the network makes of rows, float32 [rows, outputs]."""
    parts = [
        outputs_of(form, inputs.prepared(tf.constant(features[start : start + _CHUNK])), layers).numpy()
        for start in range(0, len(features), _CHUNK)
    ]
    return np.concatenate(parts)
