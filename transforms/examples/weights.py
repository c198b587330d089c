"""The weight of every row in an example, under `example.weight`: only where rows of a training set have one.

It is a `features` message of its own behind the others, which protobuf merges: plain to every reader.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.errors import ArtifactError
from transforms.examples.names import WEIGHT

_FLOAT_BYTES = 4


def _within(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


_KEY, _VALUE = _within(0x0A, WEIGHT.encode()), _within(0x12, b"\x12\x06\x0a\x04" + bytes(_FLOAT_BYTES))
HEAD = _within(0x0A, _within(0x0A, _KEY + _VALUE))[:-_FLOAT_BYTES]
"""The bytes before the four of a weight, at the end of an example."""
_WIDTH = len(HEAD) + _FLOAT_BYTES


def with_weight(examples: Sequence[bytes], weight: np.ndarray) -> list[bytes]:
    """Return serialized examples with the weight (float32 [rows]) of each.

    >>> WeightDecoder().decode(with_weight([b"", b""], np.array([1.0, 2.5], np.float32))).tolist()
    [1.0, 2.5]
    """
    data = np.ascontiguousarray(weight, "<f4").tobytes()
    return [example + HEAD + data[at * _FLOAT_BYTES : (at + 1) * _FLOAT_BYTES] for at, example in enumerate(examples)]


class WeightDecoder:
    """Reads the weights of many blocks of examples."""

    def decode(self, examples: Sequence[bytes]) -> np.ndarray:
        """Return float32 [rows]; raises `ArtifactError` if an example has not one weight."""
        ends = b"".join([example[-_WIDTH:] for example in examples])
        if len(ends) == _WIDTH * len(examples):
            matrix = np.frombuffer(ends, np.uint8).reshape(len(examples), _WIDTH)
            if (matrix[:, : len(HEAD)] == np.frombuffer(HEAD, np.uint8)).all():
                return np.ascontiguousarray(matrix[:, len(HEAD) :]).view("<f4")[:, 0]
        column = self._parser.DecodeBatch(list(examples)).column(0)
        values = column.flatten()
        if column.null_count or len(values) != len(column):
            raise ArtifactError(f"example: {WEIGHT!r} has not one value in every row; build the training set again")
        return values.to_numpy(zero_copy_only=False)

    @functools.cached_property
    def _parser(self) -> Any:
        from tensorflow_metadata.proto.v0 import schema_pb2
        from tfx_bsl.coders import example_coder

        schema = schema_pb2.Schema()
        schema.feature.add(name=WEIGHT, type=schema_pb2.FLOAT)
        return example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())
