"""Keras's own layers while a network is trained: their first weights, and how far each has drawn by chance."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.families.networks.keras_inputs import Inputs
from models.families.networks.keras_network import NetworkForm, outputs_of
from models.families.networks.keras_parameters import WIDE_AND_DEEP
from models.spec import ModelSpec

_SEEDS = 1 << 32  # no layer of one worker has a seed of another's


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

    def draw_apart(self, rank: int) -> None:
        """Have a worker of a team draw otherwise than the first one, whose seeds these are; as often, so that each
        finds its own again from the first one's."""
        self.set_seeds({name: state + np.array([rank * _SEEDS, 0]) for name, state in self.seeds().items()})

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


def first_layers(
    spec: ModelSpec, parameters: Mapping[str, Any], inputs: Inputs, form: NetworkForm, start: np.ndarray
) -> KerasLayers:
    """Return the layers of a network with their first weights; its outputs begin at `start`, float [outputs]."""
    layers = KerasLayers(spec.seed, parameters["dropout"])
    if inputs.embeddings:
        layers.add_embedding("embeddings", inputs, form.embedding_size)
        if form.network == WIDE_AND_DEEP:
            layers.add_embedding("wide_ids", inputs, form.outputs)
    columns = max([0, *inputs.numbers, *inputs.ids, *(first + width - 1 for first, width in inputs.bags)]) + 1
    outputs_of(form, inputs.prepared(tf.zeros([1, columns])), layers)
    weights = layers.weights()
    weights["output"] = [weights["output"][0], start.astype(np.float32)]
    layers.set_weights(weights)
    return layers
