"""The query of every row in an example, under `example.query`: only in the training sets of rankings.

It is a `features` message of its own behind the others, which protobuf merges: plain to every reader.
"""

from collections.abc import Sequence

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder

from schemas.errors import ArtifactError
from transforms.examples.names import QUERY

_BYTES = 9  # of a varint of 63 bits


def _within(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


_KEY, _VALUE = _within(0x0A, QUERY.encode()), _within(0x12, _within(0x1A, _within(0x0A, bytes(_BYTES))))
_HEAD = _within(0x0A, _within(0x0A, _KEY + _VALUE))[:-_BYTES]


def with_query(examples: Sequence[bytes], query: np.ndarray) -> list[bytes]:
    """Return serialized examples with the query (int64 [rows], 0 or more) of each.

    >>> QueryDecoder().decode(with_query([b"", b""], np.array([3, 2**63 - 1]))).tolist()
    [3, 9223372036854775807]
    """
    bits = query.astype(np.uint64)
    varints = np.empty((len(query), _BYTES), np.uint8)
    for byte in range(_BYTES):
        varints[:, byte] = (bits >> np.uint64(7 * byte)) & np.uint64(0x7F)
    varints[:, :-1] |= 0x80
    data = varints.tobytes()
    return [example + _HEAD + data[at * _BYTES : (at + 1) * _BYTES] for at, example in enumerate(examples)]


class QueryDecoder:
    """Reads the queries of many blocks of examples."""

    def __init__(self) -> None:
        schema = schema_pb2.Schema()
        schema.feature.add(name=QUERY, type=schema_pb2.INT)
        self._decoder = example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())

    def decode(self, examples: Sequence[bytes]) -> np.ndarray:
        """Return int64 [rows]; raises `ArtifactError` if an example has not one query."""
        column = self._decoder.DecodeBatch(list(examples)).column(0)
        values = column.flatten()
        if column.null_count or len(values) != len(column):
            raise ArtifactError(f"example: {QUERY!r} has not one value in every row; build the training set again")
        return values.to_numpy(zero_copy_only=False)
