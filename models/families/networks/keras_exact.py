"""How a network of the family `keras` scores: so that its bits are the same on every processor and in every batch.

A sum of products comes out with other last bits where it is added in another order, and kernels order it by the
processor's instructions, its caches, the size of the batch and the number of threads. Here there is nothing to round:
what goes into a product is rounded beforehand to so few binary places (inputs to multiples of one power of two, weights
to multiples of another) that every product and every sum of them fits into the 53 bits of a float64. Whatever the
order, the sum is the exact one. This is the fixed point of Ozaki and others 2012 (Numerical Algorithms 59) with one
slice. All else is element by element, where the bits are the same everywhere.

An input to a layer is cut at four times the most that the train split gave it. What a layer makes differs from what
Keras makes by some millionths of its largest output.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from models.families.networks.keras_inputs import Inputs
from models.families.networks.keras_network import Layers, NetworkForm, outputs_of
from models.families.team import Team

_BITS = 53  # of a float64
_MOST_BITS = 23  # of an input or weight, which are kept as float32
_ROOM = 4.0
_MOST_TERM, _TERM_STEP = 2.0**10, 2.0**-28  # up to 2**14 terms of a sum are whole numbers of a float64
_CHUNK = 8192


@dataclasses.dataclass(frozen=True)
class ExactProduct:
    """One matrix product without rounding: inputs cut at `most` and rounded to multiples of `step`."""

    most: float
    step: float
    kernel: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, largest: float, kernel: np.ndarray, bias: np.ndarray | None) -> "ExactProduct":
        """Return the product whose inputs were at most `largest`, for kernel [n, units] and bias [units].

        >>> made = ExactProduct.of(1.0, np.float32([[0.25], [0.75]]), None)
        >>> made.most, made.step == 2.0**-21, made.kernel.ravel().tolist()
        (4.0, True, [0.25, 0.75])
        """
        bias = np.zeros(kernel.shape[1]) if bias is None else bias.astype(np.float64)
        most = _power_above(largest * _ROOM)
        fan_in = kernel.shape[0]
        bits = _BITS - 1 - math.ceil(math.log2(fan_in + 1))  # one for the bias
        of_input = min(_MOST_BITS, (bits + 1) // 2)
        of_weight = min(_MOST_BITS, bits - of_input)
        top = _power_above(max(np.abs(kernel).max(initial=0.0), np.abs(bias).max(initial=0.0) / (fan_in * most)))
        step, unit = most * 2.0**-of_input, top * 2.0**-of_weight
        rounded = np.rint(kernel.astype(np.float64) / unit) * unit
        return cls(most, step, rounded.astype(np.float32), np.rint(bias / (step * unit)) * (step * unit))

    def of_rows(self, x: tf.Tensor) -> tf.Tensor:
        """Return x float32 [rows, n] times the kernel, plus the bias: float32 [rows, units]."""
        wide = tf.cast(tf.clip_by_value(x, -self.most, self.most), tf.float64)
        wide = tf.round(wide * (1 / self.step)) * self.step
        return tf.cast(tf.matmul(wide, tf.cast(tf.constant(self.kernel), tf.float64)) + self.bias, tf.float32)


class ExactLayers:
    """Fixed weights as layers."""

    def __init__(self, products: Mapping[str, ExactProduct], tables: Mapping[str, np.ndarray]):
        self._products, self._tables = products, tables

    def dense(self, name: str, x: tf.Tensor, units: int, bias: bool = True) -> tf.Tensor:
        return self._products[name].of_rows(x)

    def embedding(self, name: str, places: tf.Tensor, size: int) -> tf.Tensor:
        return tf.gather(tf.constant(self._tables[name]), places)

    def total(self, parts: Sequence[tf.Tensor]) -> tf.Tensor:
        # TensorFlow may add them in another order than they are written in
        whole = [tf.cast(tf.clip_by_value(part, -_MOST_TERM, _MOST_TERM), tf.float64) / _TERM_STEP for part in parts]
        return tf.cast(tf.add_n([tf.round(one) for one in whole]) * _TERM_STEP, tf.float32)

    def dropout(self, name: str, x: tf.Tensor) -> tf.Tensor:
        return x


class _Watched:
    """Layers that note the largest input of every product."""

    def __init__(self, weights: Mapping[str, Sequence[np.ndarray]]):
        self._weights, self.largest = weights, dict[str, float]()

    def dense(self, name: str, x: tf.Tensor, units: int, bias: bool = True) -> tf.Tensor:
        self.largest[name] = max(self.largest.get(name, 0.0), float(tf.reduce_max(tf.abs(x))))
        kernel, *more = self._weights[name]
        made = tf.matmul(x, kernel)
        return made + more[0] if more else made

    def embedding(self, name: str, places: tf.Tensor, size: int) -> tf.Tensor:
        return tf.gather(self._weights[name][0], places)

    def total(self, parts: Sequence[tf.Tensor]) -> tf.Tensor:
        return tf.add_n(list(parts))

    def dropout(self, name: str, x: tf.Tensor) -> tf.Tensor:
        return x


def exact_layers(
    form: NetworkForm, inputs: Inputs, weights: Mapping[str, Sequence[np.ndarray]], features: np.ndarray, team: Team
) -> Layers:
    """Return the layers that score, for weights by layer and features float32 [rows, features] of the train split.

    In a team the features are this worker's part, and the largest inputs are those of all parts.
    """
    watched = _Watched(weights)
    for start in range(0, len(features), _CHUNK):
        outputs_of(form, inputs.prepared(tf.constant(features[start : start + _CHUNK])), watched)
    parts = team.gathered(watched.largest)
    products = {
        name: ExactProduct.of(
            max(part[name] for part in parts), weights[name][0], weights[name][1] if len(weights[name]) > 1 else None
        )
        for name in watched.largest
    }
    tables = {name: values[0] for name, values in weights.items() if name not in products}
    return ExactLayers(products, tables)


def _power_above(number: float) -> float:
    """Return the smallest power of two that is not below a number; 1 for zero.

    >>> _power_above(0.3), _power_above(4.0), _power_above(0.0)
    (0.5, 4.0, 1.0)
    """
    return 2.0 ** math.ceil(math.log2(number)) if number > 0 else 1.0
