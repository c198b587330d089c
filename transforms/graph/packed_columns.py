"""How a raw batch crosses into TensorFlow: one matrix per type outside, a sparse column per field inside the graph.

A tensor costs the same whatever its size, and so does an operation. So columns of one type travel as one matrix, and
one `where` finds the values of all columns: 0.23 ms a call at 12 rows of 17 columns, 0.39 with one for each. Columns of
several values travel beside them, and only where a schema has some: `packed_lists`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from schemas.buffers import validity_of, values_of
from schemas.column import Column, Kind
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.graph.packed_lists import PackedLists

_KINDS = (Kind.FLOAT, Kind.INT, Kind.BYTES)


class PackedColumns:
    """The packed form of the columns of one schema: `pack` makes it, `unpack` takes it apart inside a graph.

    It has five arrays: numbers (float32), integers (int64), and codes (int32), each [columns, rows]; whether a number
    or integer is present (bool, [columns, rows]); and the strings, which codes count from 1, 0 being a missing one.
    Those of `PackedLists` follow, if the schema has columns of several values.
    """

    def __init__(self, schema: Schema):
        self._columns = schema.columns
        self._expected = schema.arrow_schema
        self._indices = {
            kind: [
                index
                for index, column in enumerate(schema.columns)
                if column.kind is kind and column.value_count is None
            ]
            for kind in _KINDS
        }
        several = [index for index, column in enumerate(schema.columns) if column.value_count is not None]
        self._lists = PackedLists([schema.columns[index] for index in several]) if several else None
        self._list_indices = several
        numbers, integers, texts = (len(self._indices[kind]) for kind in _KINDS)
        self.signature: tuple[tf.TensorSpec, ...] = (
            tf.TensorSpec([numbers, None], tf.float32),
            tf.TensorSpec([integers, None], tf.int64),
            tf.TensorSpec([texts, None], tf.int32),
            tf.TensorSpec([numbers + integers, None], tf.bool),
            tf.TensorSpec([None], tf.string),
        )
        if self._lists is not None:
            self.signature += self._lists.signature

    def pack(self, batch: pa.RecordBatch, padded: int) -> list[np.ndarray]:
        """Return the arrays of a raw batch, with rows that have no values up to `padded`; raises what `check` does."""
        arrays = self._picked(batch)
        rows = batch.num_rows
        floats, ints, texts = (self._indices[kind] for kind in _KINDS)
        numbers = np.zeros((len(floats), padded), np.float32)
        integers = np.zeros((len(ints), padded), np.int64)
        present = np.zeros((len(floats) + len(ints), padded), np.bool_)
        present[:, :rows] = True
        for row, index in enumerate(floats):
            numbers[row, :rows] = values_of(arrays[index], np.float32)
        for row, index in enumerate(ints):
            integers[row, :rows] = values_of(arrays[index], np.int64)
        for row, index in enumerate(floats + ints):
            if arrays[index].null_count:
                present[row, :rows] = validity_of(arrays[index])
        codes, strings = _encoded([arrays[index] for index in texts], padded)
        packed: list[np.ndarray] = [numbers, integers, codes, present, strings]
        if self._lists is not None:
            packed += self._lists.pack([arrays[index] for index in self._list_indices])
        return packed

    def unpack(
        self,
        numbers: tf.Tensor,
        integers: tf.Tensor,
        codes: tf.Tensor,
        present: tf.Tensor,
        strings: tf.Tensor,
        *lists: tf.Tensor,
    ) -> dict[str, tf.SparseTensor]:
        """Return every column, by name, as a sparse tensor of shape [rows, 1]; of several values, [rows, longest]."""
        floats, ints, texts = (self._indices[kind] for kind in _KINDS)
        known = codes > 0
        everywhere = tf.concat([present, known], 0)
        counts = tf.reduce_sum(tf.cast(everywhere, tf.int32), 1)
        rows = tf.pad(tf.where(everywhere)[:, 1:], [[0, 0], [0, 1]])
        values: list[tf.Tensor] = []
        ends = len(floats), len(floats) + len(ints)
        if floats:
            values += tf.split(_where(numbers, present[: ends[0]]), counts[: ends[0]], num=len(floats))
        if ints:
            found = _where(integers, present[ends[0] :])
            values += tf.split(found, counts[ends[0] : ends[1]], num=len(ints))
        if texts:
            values += tf.split(tf.gather(strings, _where(codes, known)), counts[ends[1] :], num=len(texts))
        shape = tf.stack([tf.shape(everywhere, tf.int64)[1], tf.constant(1, tf.int64)])
        indices = tf.split(rows, counts, num=len(values)) if values else []
        found_lists = self._lists.unpack(tf.shape(everywhere, tf.int64)[1], *lists) if self._lists is not None else {}
        return found_lists | {
            self._columns[index].name: tf.SparseTensor(where, found, shape)
            for index, where, found in zip(floats + ints + texts, indices, values, strict=True)
        }

    def check(self, batch: pa.RecordBatch) -> None:
        """Raise `InputError` for a column that a batch lacks or has in another type."""
        self._picked(batch)

    def _picked(self, batch: pa.RecordBatch) -> Sequence[pa.Array]:
        if batch.schema.equals(self._expected):
            return batch.columns
        indices: Mapping[str, int] = {name: at for at, name in reversed(list(enumerate(batch.schema.names)))}
        return [_pick(batch, indices, column) for column in self._columns]


def _where(values: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """Return what `tf.boolean_mask` does, by a tenth of its operations: each is made again when a graph is loaded."""
    return tf.gather_nd(values, tf.where(present))


def _pick(batch: pa.RecordBatch, indices: Mapping[str, int], column: Column) -> pa.Array:
    if column.name not in indices:
        raise InputError(f"raw batch: column {column.name!r} is missing, the graph takes it; got {', '.join(indices)}")
    array = batch.column(indices[column.name])
    if array.type != column.arrow_type:
        raise InputError(f"raw batch: column {column.name!r} is {array.type}, the graph takes {column.arrow_type}")
    return array


def _encoded(texts: Sequence[pa.Array], padded: int) -> tuple[np.ndarray, np.ndarray]:
    codes = np.zeros((len(texts), padded), np.int32)
    if not texts:
        return codes, np.array([""], object)
    encoded = (texts[0] if len(texts) == 1 else pa.concat_arrays(texts)).dictionary_encode()
    found = values_of(encoded.indices, np.int32) + 1
    if encoded.null_count:
        found = np.where(validity_of(encoded.indices), found, 0)
    codes[:, : len(texts[0])] = found.reshape(len(texts), -1)
    return codes, np.array(["", *encoded.dictionary.to_pylist()], object)
