"""The query of every row in an example, under `example.query`: only in the training sets of rankings.

It is a `features` message of its own behind the others, which protobuf merges: plain to every reader.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.errors import ArtifactError
from transforms.examples.carried import QUERY_BYTES, QUERY_HEAD, query_at_end
from transforms.examples.names import QUERY


def with_query(examples: Sequence[bytes], query: np.ndarray) -> list[bytes]:
    """Return serialized examples with the query (int64 [rows], 0 or more) of each.

    >>> QueryDecoder().decode(with_query([b"", b""], np.array([3, 2**63 - 1]))).tolist()
    [3, 9223372036854775807]
    """
    bits = query.astype(np.uint64)
    varints = np.empty((len(query), QUERY_BYTES), np.uint8)
    for byte in range(QUERY_BYTES):
        varints[:, byte] = (bits >> np.uint64(7 * byte)) & np.uint64(0x7F)
    varints[:, :-1] |= 0x80
    data = varints.tobytes()
    places = range(0, len(data), QUERY_BYTES)
    return [one + QUERY_HEAD + data[at : at + QUERY_BYTES] for one, at in zip(examples, places, strict=True)]


class QueryDecoder:
    """Reads only the queries of many blocks of examples."""

    def decode(self, examples: Sequence[bytes]) -> np.ndarray:
        """Return int64 [rows]; raises `ArtifactError` if an example has not one query."""
        found = query_at_end(examples)
        if found is not None:
            return found
        column = self._parser.DecodeBatch(list(examples)).column(0)
        values = column.flatten()
        if column.null_count or len(values) != len(column):
            raise ArtifactError(f"example: {QUERY!r} has not one value in every row; build the training set again")
        return values.to_numpy(zero_copy_only=False)

    @functools.cached_property
    def _parser(self) -> Any:
        from tensorflow_metadata.proto.v0 import schema_pb2
        from tfx_bsl.coders import example_coder

        schema = schema_pb2.Schema()
        schema.feature.add(name=QUERY, type=schema_pb2.INT)
        return example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())
