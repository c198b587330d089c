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
from models.families.networks.keras_goal import Goal
from models.families.networks.keras_inputs import Inputs
from models.families.networks.keras_layers import KerasLayers, first_layers
from models.families.networks.keras_network import NetworkForm, outputs_of
from models.families.networks.keras_steps import Rows, Step, whole_round
from models.spec import ModelSpec
from schemas.errors import InputError
from transforms.graph.graph import use_one_thread

_log = logging.getLogger(__name__)

_CHUNK = 8192
_BACKEND = "tensorflow"


@dataclasses.dataclass(frozen=True)
class Fitted:
    """The weights of a trained network by its layers' names, and how it came about."""

    weights: Mapping[str, Sequence[np.ndarray]]
    rounds: int
    history: Mapping[str, Sequence[float]]


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
    the same bytes on the same kind of processor. Of a team every worker trains the same network, on the same batches of
    all rows, of which each computes its part; each stops where the others do, and returns the same.
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
    team = run.team
    layers = first_layers(spec, parameters, inputs, form, goal.start)
    learning_rate, decay = float(parameters["learning_rate"]), float(parameters["weight_decay"])
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=decay)
    optimizer.build(layers.variables)
    saved = team.of_first(run.checkpoints.last() if team.rank == 0 else None)
    state = keras_checkpoint.restored(saved, layers, optimizer) or keras_checkpoint.State.of(layers)
    layers.draw_apart(team.rank)
    rows = Rows.of(goal, train, team)
    one_round = whole_round(Step(layers, optimizer, inputs, form, goal), rows, parameters["batch_size"], team)
    history = state.history
    was_over = state.rounds > 0 and _is_over(state, evaluation, spec)
    for number in range(state.rounds + 1, state.rounds + 1 if was_over else spec.rounds + 1):
        layers.training = True
        one_round(np.random.default_rng((spec.seed, number)).permutation(rows.total).astype(np.int32))
        layers.training = False
        found: dict[str, float] = {}
        if evaluation is not None:
            found = goal.metrics(*goal.targets(evaluation), _outputs(layers, inputs, form, evaluation.features), team)
            for name, value in found.items():
                history.setdefault(name, []).append(value)
            for loss in found.values():
                if not np.isfinite(loss) and number == 1:
                    raise InputError(
                        f"keras: the loss on split eval is {loss} after a round; make learning_rate smaller"
                    )
            if (cost := goal.cost(found)) < state.best_loss:
                state.best, state.best_round, state.best_loss = layers.weights(), number, cost
        state.rounds = number
        asked = team.total([run.checkpoints.asked_to_end()])[0] > 0
        if (asked or run.checkpoints.due(number)) and team.rank == 0:
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


def _outputs(layers: KerasLayers, inputs: Inputs, form: NetworkForm, features: np.ndarray) -> np.ndarray:
    """Return what the network makes of rows, float32 [rows, outputs]."""
    parts = [
        outputs_of(form, inputs.prepared(tf.constant(features[start : start + _CHUNK])), layers).numpy()
        for start in range(0, len(features), _CHUNK)
    ]
    return np.concatenate(parts)
