"""The networks of the family `keras`: MLP, wide and deep, deep and cross; each is written once.

What a layer is comes from outside: Keras's own layers while a network is trained, fixed weights while it scores. Wide
and deep is of Cheng and others 2016 (arXiv:1606.07792), the cross layers are those of DCN V2, Wang and others 2021
(arXiv:2008.13535), beside the deep part.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf

from models.families.networks.keras_inputs import Prepared
from models.families.networks.keras_parameters import DCN, WIDE_AND_DEEP


@dataclasses.dataclass(frozen=True)
class NetworkForm:
    """Which network it is, and the sizes of its parts; `outputs` is 1, or the number of classes."""

    network: str
    layers: tuple[int, ...]
    activation: str
    cross_layers: int
    embedding_size: int
    outputs: int

    @classmethod
    def of(cls, parameters: Mapping[str, Any], outputs: int) -> "NetworkForm":
        """Return that of a model's parameters."""
        named = ("network", "layers", "activation", "cross_layers", "embedding_size")
        return cls(**{name: parameters[name] for name in named}, outputs=outputs)


class Layers(Protocol):
    """Layers by their names; rows stay rows, all numbers are float32."""

    def dense(self, name: str, x: tf.Tensor, units: int, bias: bool = True) -> tf.Tensor:
        """Return x [rows, n] times a matrix, plus a bias: [rows, units]."""

    def embedding(self, name: str, places: tf.Tensor, size: int) -> tf.Tensor:
        """Return the rows of a table for places int32 [rows, id columns]: [rows, id columns, size]."""

    def total(self, parts: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return the sum of tensors of one shape."""

    def dropout(self, name: str, x: tf.Tensor) -> tf.Tensor:
        """Return x, while training with some of it left out."""


def outputs_of(form: NetworkForm, inputs: Prepared, layers: Layers) -> tf.Tensor:
    """Return what the network makes of a batch, float32 [rows, outputs]: log-odds, or a standardised number."""
    x = _first(form, inputs, layers)
    deep = x
    for number, units in enumerate(form.layers):
        deep = layers.dropout(f"dropout_{number}", _activated(form, layers.dense(f"deep_{number}", deep, units)))
    if form.network == DCN:
        crossed = x
        for number in range(form.cross_layers):
            crossed = x * layers.dense(f"cross_{number}", crossed, int(x.shape[1])) + crossed
        deep = tf.concat([crossed, deep], 1)
    made = layers.dense("output", deep, form.outputs)
    return layers.total([made, *_wide(form, inputs, layers)]) if form.network == WIDE_AND_DEEP else made


def _first(form: NetworkForm, inputs: Prepared, layers: Layers) -> tf.Tensor:
    """Return all inputs side by side, embeddings of ids among them."""
    parts = [inputs.numbers] if inputs.numbers.shape[1] else []
    if columns := inputs.places.shape[1]:
        found = layers.embedding("embeddings", inputs.places, form.embedding_size)
        parts.append(tf.reshape(found, [-1, columns * form.embedding_size]))
    parts += [
        layers.dense(f"ids_{number}", counts, form.embedding_size, bias=False)
        for number, counts in enumerate(inputs.counts)
    ]
    return tf.concat(parts, 1) if len(parts) > 1 else parts[0]


def _wide(form: NetworkForm, inputs: Prepared, layers: Layers) -> list[tf.Tensor]:
    """Return the terms of the linear part: a weight for every number and for every id."""
    parts = []
    if inputs.numbers.shape[1]:
        parts.append(layers.dense("wide_numbers", inputs.numbers, form.outputs, bias=False))
    if inputs.places.shape[1]:
        parts += tf.unstack(layers.embedding("wide_ids", inputs.places, form.outputs), axis=1)
    for number, counts in enumerate(inputs.counts):
        parts.append(layers.dense(f"wide_ids_{number}", counts, form.outputs, bias=False))
    return parts


def _activated(form: NetworkForm, x: tf.Tensor) -> tf.Tensor:
    """Apply the activation, element by element."""
    if form.activation == "tanh":
        return tf.tanh(x)
    return tf.nn.leaky_relu(x) if form.activation == "leaky_relu" else tf.nn.relu(x)
