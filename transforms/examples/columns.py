"""Raw columns that an example carries for metrics of one's own, under `example.column.NAME`, as the texts of values.

Each is a `features` message of its own behind the others, which protobuf merges: plain to every reader, and no feature.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from transforms.examples.carried import Carried, Found
from transforms.examples.examples import text_tails, texts
from transforms.examples.names import COLUMN


def with_columns(examples: Sequence[bytes], columns: Mapping[str, pa.Array]) -> list[bytes]:
    """Return serialized examples with the value of every column in each; a row without one has an empty list.

    >>> examples = with_columns([b"", b""], {"age": pa.array([7, None])})
    >>> ColumnDecoder({"age": pa.int64()}, Carried(columns=("age",)), 0).decode(examples).to_pydict()
    {'age': [7, None]}
    """
    found = list(examples)
    for name, column in columns.items():
        found = [one + tail for one, tail in zip(found, text_tails(COLUMN + name, column), strict=True)]
    return found


class ColumnDecoder:
    """Reads these columns, by name their types, from many blocks of examples."""

    def __init__(self, types: Mapping[str, pa.DataType], carried: Carried, before: int):
        """`carried` is all that the examples carry, behind so many other messages."""
        self._types, self._carried, self._before = dict(types), carried, before

    def decode(self, examples: Sequence[bytes]) -> pa.RecordBatch:
        """Return the columns, null where a row has no value."""
        found = self._carried.find(examples, self._before)
        columns = None if found is None else self._of_places(examples, found)
        return self._parsed(examples) if columns is None else columns

    def _of_places(self, examples: Sequence[bytes], found: Found) -> pa.RecordBatch | None:
        data = b"".join(examples)
        columns = []
        for name, kind in self._types.items():
            cut = [None if at < 0 else data[at:to] for at, to in found.texts[name].tolist()]
            try:
                columns.append(pa.array(cut, pa.large_binary()).cast(pa.large_string()).cast(kind))
            except pa.ArrowInvalid:
                return None
        return pa.RecordBatch.from_arrays(columns, list(self._types))

    def _parsed(self, examples: Sequence[bytes]) -> pa.RecordBatch:
        batch = self._parser.DecodeBatch(list(examples))
        names = batch.schema.names
        found = [
            texts(batch.column(names.index(COLUMN + name))).cast(pa.large_string()).cast(kind)
            for name, kind in self._types.items()
        ]
        return pa.RecordBatch.from_arrays(found, list(self._types))

    @functools.cached_property
    def _parser(self) -> Any:
        from tensorflow_metadata.proto.v0 import schema_pb2
        from tfx_bsl.coders import example_coder

        schema = schema_pb2.Schema()
        for name in self._types:
            schema.feature.add(name=COLUMN + name, type=schema_pb2.BYTES)
        return example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())
