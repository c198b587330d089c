"""Raw columns that an example carries for metrics of one's own, under `example.column.NAME`, as the texts of values.

Each is a `features` message of its own behind the others, which protobuf merges: plain to every reader, and no feature.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder

from transforms.examples.examples import text_tails, texts
from transforms.examples.names import COLUMN


def with_columns(examples: Sequence[bytes], columns: Mapping[str, pa.Array]) -> list[bytes]:
    """Return serialized examples with the value of every column in each; a row without one has an empty list.

    >>> ColumnDecoder({"age": pa.int64()}).decode(with_columns([b"", b""], {"age": pa.array([7, None])})).to_pydict()
    {'age': [7, None]}
    """
    found = list(examples)
    for name, column in columns.items():
        found = [one + tail for one, tail in zip(found, text_tails(COLUMN + name, column), strict=True)]
    return found


class ColumnDecoder:
    """Reads these columns, by name their types, from many blocks of examples."""

    def __init__(self, types: Mapping[str, pa.DataType]):
        self._types = dict(types)
        schema = schema_pb2.Schema()
        for name in types:
            schema.feature.add(name=COLUMN + name, type=schema_pb2.BYTES)
        self._decoder = example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())

    def decode(self, examples: Sequence[bytes]) -> pa.RecordBatch:
        """Return the columns, null where a row has no value."""
        batch = self._decoder.DecodeBatch(list(examples))
        names = batch.schema.names
        found = [
            texts(batch.column(names.index(COLUMN + name))).cast(pa.large_string()).cast(kind)
            for name, kind in self._types.items()
        ]
        return pa.RecordBatch.from_arrays(found, list(self._types))
