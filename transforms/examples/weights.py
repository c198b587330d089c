"""The weight of every row in an example, under `example.weight`: only where rows of a training set have one.

It is a `features` message of its own behind the others, which protobuf merges: plain to every reader.
"""

from collections.abc import Sequence

import numpy as np

from transforms.examples.carried import WEIGHT_BYTES, WEIGHT_HEAD


def with_weight(examples: Sequence[bytes], weight: np.ndarray) -> list[bytes]:
    """Return serialized examples with the weight (float32 [rows]) of each.

    >>> with_weight([b""], np.array([1.0], np.float32))[0].endswith(np.float32(1.0).tobytes())
    True
    """
    data = np.ascontiguousarray(weight, "<f4").tobytes()
    places = range(0, len(data), WEIGHT_BYTES)
    return [one + WEIGHT_HEAD + data[at : at + WEIGHT_BYTES] for one, at in zip(examples, places, strict=True)]
