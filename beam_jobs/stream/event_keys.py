"""Keys of events taken from one of their columns, as text that is the same whatever the event's own spelling."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.errors import UsageError
from schemas.nearest import did_you_mean, listed
from schemas.schema import Schema
from transforms.decode.decoding import Decoded
from transforms.decode.json_decoder import JsonDecoder

_CHUNK = 1_000
Row = tuple[int, bytes | None]


class ColumnKeys:
    """Takes the value of a column, of any of a schema's types, out of JSON events.

    Its text is that of the column's type: `1.50` and `1.5` in a FLOAT column are one key. Raises `UsageError` for a
    column that events do not have, and for a personal one: predictions and rejected records have the event's key, and
    only the values of source and rejected topic may hold what is personal.
    """

    def __init__(self, column: str, schema: Schema):
        if not schema.names:
            raise UsageError(f"--key {column}: whose column? give --registry or --use-case, which name a schema")
        if column not in schema:
            known = f"(events have {listed(schema.names)}){did_you_mean(column, schema.names)}"
            raise UsageError(f"--key {column}: no such column {known}")
        if schema[column].role("personal") is not None:
            raise UsageError(
                f"--key {column}: its values are personal, and predictions would carry them as their keys; take a "
                "column that is not"
            )
        if schema[column].value_count is not None:
            raise UsageError(f"--key {column}: a record has several of its values; take a column of one")
        only = schema_pb2.Schema()
        only.CopyFrom(schema.proto)
        del only.feature[:]
        only.feature.extend(feature for feature in schema.proto.feature if feature.name == column)
        self._column = column
        self._decoder, self._column_alone = JsonDecoder(schema), JsonDecoder(Schema(only))

    def __call__(self, events: Sequence[bytes | None]) -> list[bytes | None]:
        """Return the key of every event, None if it has no such value or is no JSON record.

        What is wrong in other columns takes no key away.
        """
        keys: list[bytes | None] = [None] * len(events)
        decoded = self._decoder(events)
        self._put(keys, decoded.rows.tolist(), decoded)
        if decoded.rejections:
            rest = [rejection.row for rejection in decoded.rejections]
            alone = self._column_alone([events[row] for row in rest])
            self._put(keys, [rest[row] for row in alone.rows.tolist()], alone)
        return keys

    def _put(self, keys: list[bytes | None], rows: Iterable[int], decoded: Decoded) -> None:
        texts = pc.cast(decoded.batch.column(self._column), pa.string()).to_pylist()
        for row, text in zip(rows, texts, strict=True):
            keys[row] = None if text is None else text.encode()


def with_keys(rows: Iterable[Row], keys: ColumnKeys | None) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    """Yield number, key and event of every row; without a column the key is the row's number as text."""
    if keys is None:
        for number, event in rows:
            yield number, b"%d" % number, event
        return
    rows = iter(rows)
    while chunk := list(itertools.islice(rows, _CHUNK)):
        for (number, event), key in zip(chunk, keys([event for _, event in chunk]), strict=True):
            yield number, key, event
