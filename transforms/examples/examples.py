"""Transformed rows as serialized `tf.train.Example`, and back.

Features stand under their own names: one float or one integer each, of a vector all its parts, and lists of ids as they
are, of any length. The label is under `label`, and the raw columns that evaluation slices by are under `slice.<name>`,
as strings; a row without a value for a slice has an empty list. Names that are ours, `example.` for those to come, are
never a feature's: one of such a name stands under `feature.<name>`.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from schemas.errors import ArtifactError
from transforms.examples import wire
from transforms.examples.carried import NOTHING, Carried
from transforms.examples.constant_layout import Block, ConstantLayouts
from transforms.examples.names import LABEL, QUERY, SLICE, WEIGHT, stored_name
from transforms.graph.wide_outputs import IDS, VECTOR, WideOutput, counted

TEXTS = pa.dictionary(pa.int32(), pa.large_string())  # the type of a decoded slice

_SHORT_VARINT_BYTES = 4  # 28 bits: more than the 24 that an integer feature may have
_NEGATIVE_VARINT_BYTES = 10
_ALL_BITS = 2**64 - 1
_WHOSE, _AGAIN = "was this file written by another graph?", "build the training set again"


@dataclasses.dataclass(frozen=True)
class ExampleEncoder:
    """Serialize rows as examples of one constant layout.

    Every example of a call has the same bytes but for the numbers, so a matrix of bytes is filled column by column
    and cut into rows; integers are padded to a fixed width, and each slice is a `features` message of its own, which
    protobuf merges. Both are plain protobuf to every reader. 16 features: 1.2 us a row, 1.8 us with two slices;
    tfx_bsl's RecordBatchToExamplesEncoder takes 4.2 us without slices (and 449 bytes a row instead of 470).

    `feature_names` and `feature_kinds` are those of the matrix's columns; `wide_outputs` says which of them are one
    vector or one list.
    """

    feature_names: Sequence[str]
    feature_kinds: Sequence[str]
    slice_names: Sequence[str] = ()
    wide_outputs: Sequence[WideOutput] = ()

    def encode(
        self,
        features: np.ndarray,
        label: np.ndarray,
        slices: Mapping[str, pa.Array] | None = None,
        ids: Mapping[str, pa.ListArray] | None = None,
    ) -> list[bytes]:
        """Encode float32 features [rows, features], label [rows], one string column per slice name, and lists of ids.

        `ids` has the lists of every output that is one; the columns that count them are left out.
        """
        rows = len(features)
        columns = np.ascontiguousarray(features.T)
        single = single_columns(len(self.feature_names), self.wide_outputs)
        vectors = [output for output in self.wide_outputs if output.form == VECTOR]
        names = [stored_name(self.feature_names[at]) for at in single] + [stored_name(one.name) for one in vectors]
        names.append(LABEL)
        kinds = [self.feature_kinds[at] for at in [*single, *(one.first for one in vectors)]] + ["float"]
        values = [*(columns[at] for at in single), *(features[:, one.columns] for one in vectors)]
        values.append(label.astype(np.float32))
        parts = []
        for name, kind, column in zip(names, kinds, values, strict=True):
            numbers = _float_bytes(column) if kind == "float" else _varint_bytes(column)
            head = _entry_head(name, wire.FLOATS if kind == "float" else wire.INTEGERS, numbers.shape[1])
            parts += [np.broadcast_to(np.frombuffer(head, np.uint8), (rows, len(head))), numbers]
        length = sum(part.shape[1] for part in parts)
        start = np.frombuffer(bytes([wire.FEATURES]) + wire.varint(length), np.uint8)
        matrix = np.concatenate([np.broadcast_to(start, (rows, len(start))), *parts], axis=1)
        width = matrix.shape[1]
        data = matrix.tobytes()
        examples = [data[at : at + width] for at in range(0, rows * width, width)]
        more = [text_tails(SLICE + name, (slices or {})[name]) for name in self.slice_names]
        more += [_id_tails(one.name, (ids or {})[one.name]) for one in self.wide_outputs if one.form == IDS]
        for tails in more:
            examples = [example + tail for example, tail in zip(examples, tails, strict=True)]
        return examples


class Decoded(NamedTuple):
    """Rows of examples: features float32 [rows, features], label float32 [rows], slices with strings or null.

    Where the examples carry them, weight float32 [rows] and query int64 [rows].
    """

    features: np.ndarray
    label: np.ndarray
    slices: dict[str, pa.DictionaryArray]
    weight: np.ndarray | None = None
    query: np.ndarray | None = None


class ExampleDecoder:
    """Parse examples that have these features and carry what `carried` says; built once, used for many blocks.

    Blocks of one layout, which `ExampleEncoder` writes, are read as matrices of bytes; all others by tfx_bsl, which
    brings TensorFlow and is imported then.
    """

    def __init__(
        self,
        feature_names: Sequence[str],
        feature_kinds: Sequence[str],
        slice_names: Sequence[str] = (),
        wide_outputs: Sequence[WideOutput] = (),
        carried: Carried = NOTHING,
    ):
        self.feature_names = tuple(feature_names)
        self._wide = tuple(wide_outputs)
        self._single = {at: stored_name(feature_names[at]) for at in single_columns(len(feature_names), wide_outputs)}
        self.slice_names = tuple(slice_names)
        stored = {name: feature_kinds[at] for at, name in self._single.items()}
        stored |= {stored_name(output.name): feature_kinds[output.first] for output in wide_outputs}
        self._kinds = stored | {LABEL: "float"}
        lists = {SLICE + name: wire.TEXTS for name in slice_names}
        lists |= {stored_name(one.name): wire.INTEGERS for one in wide_outputs if one.form == IDS}
        numbers = {
            name: wire.FLOATS if kind == "float" else wire.INTEGERS
            for name, kind in self._kinds.items()
            if name not in lists
        }
        self._carried = carried
        self._layouts = ConstantLayouts(numbers, lists, carried)

    def decode(self, examples: Sequence[bytes]) -> Decoded:
        """Return the rows; columns that examples carry are passed over.

        Raises `ArtifactError` if an example lacks a feature, the label, weight or query, `InputError` for an id that is
        none.
        """
        block = self._layouts.read(examples)
        found = None if block is None else self._of_one_layout(block)
        return self._parsed(examples) if found is None else found

    def _of_one_layout(self, block: Block) -> Decoded | None:
        """Return what `decode` does; None where it would raise, or a text is none."""
        features = np.empty((len(block.codes), len(self.feature_names)), np.float32)
        for index, name in self._single.items():
            values = block.values(name)
            if values.shape[1] != 1:
                return None
            features[:, index] = values[:, 0]
        for output in self._wide:
            name = stored_name(output.name)
            if output.form == IDS:
                lists = pa.array([tail[name] for tail in block.tails], pa.list_(pa.int64()))
                features[:, output.columns] = counted(lists, output)[block.codes]
                continue
            values = block.values(name)
            if values.shape[1] != output.width:
                return None
            features[:, output.columns] = values
        label = block.values(LABEL)
        slices = {name: _coded_texts(block, SLICE + name) for name in self.slice_names}
        if label.shape[1] != 1 or None in slices.values():
            return None
        found = {name: column for name, column in slices.items() if column is not None}
        return Decoded(features, label[:, 0], found, block.weight, block.query)

    def _parsed(self, examples: Sequence[bytes]) -> Decoded:
        batch = self._parser.DecodeBatch(list(examples))
        features = np.empty((len(examples), len(self.feature_names)), np.float32)
        for index, name in self._single.items():
            features[:, index] = _one_per_row(batch, name)
        for output in self._wide:
            column = batch.column(batch.schema.names.index(stored_name(output.name)))
            features[:, output.columns] = counted(column, output) if output.form == IDS else _vectors(column, output)
        slices = {name: texts(batch.column(batch.schema.names.index(SLICE + name))) for name in self.slice_names}
        weight = _one_per_row(batch, WEIGHT, _AGAIN) if self._carried.weighted else None
        query = _one_per_row(batch, QUERY, _AGAIN) if self._carried.query else None
        return Decoded(features, _one_per_row(batch, LABEL).astype(np.float32), slices, weight, query)

    @functools.cached_property
    def _parser(self) -> Any:
        from tensorflow_metadata.proto.v0 import schema_pb2
        from tfx_bsl.coders import example_coder

        schema = schema_pb2.Schema()
        for name, kind in self._kinds.items():
            schema.feature.add(name=name, type=schema_pb2.FLOAT if kind == "float" else schema_pb2.INT)
        for name in self.slice_names:
            schema.feature.add(name=SLICE + name, type=schema_pb2.BYTES)
        if self._carried.weighted:
            schema.feature.add(name=WEIGHT, type=schema_pb2.FLOAT)
        if self._carried.query:
            schema.feature.add(name=QUERY, type=schema_pb2.INT)
        return example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())


def single_columns(columns: int, wide_outputs: Sequence[WideOutput]) -> list[int]:
    """Return which of so many columns of the matrix are an output of their own.

    >>> single_columns(5, [WideOutput("size", VECTOR, 1, 3)])
    [0, 4]
    """
    wide = {at for output in wide_outputs for at in range(columns)[output.columns]}
    return [at for at in range(columns) if at not in wide]


def _float_bytes(values: np.ndarray) -> np.ndarray:
    """Return the bytes of floats, of one or several a row: [rows, bytes]."""
    return np.ascontiguousarray(values.reshape(len(values), _width(values)), "<f4").view(np.uint8)


def _varint_bytes(values: np.ndarray) -> np.ndarray:
    """Return varints of one width, [rows, bytes]: seven bits a byte, the high bit set on all but the last.

    `values` has one or several a row.
    """
    integers = values.astype(np.int64).ravel()
    negative = len(integers) and integers.min() < 0
    width = _NEGATIVE_VARINT_BYTES if negative else _SHORT_VARINT_BYTES
    bits = integers.view(np.uint64)
    varints = np.empty((len(integers), width), np.uint8)
    for byte in range(width):
        varints[:, byte] = (bits >> np.uint64(7 * byte)) & np.uint64(0x7F)
    varints[:, :-1] |= 0x80
    return varints.reshape(len(values), _width(values) * width)


def _width(values: np.ndarray) -> int:
    """Return how many values a row has."""
    return 1 if values.ndim == 1 else values.shape[1]


def _entry_head(name: str, kind: int, value_bytes: int) -> bytes:
    """Return the bytes of one map entry up to its packed values of `value_bytes` bytes."""
    whole = wire.entry(name, kind, wire.field(wire.VALUES, bytes(value_bytes)))
    return whole[: len(whole) - value_bytes]


def text_tails(name: str, column: pa.Array) -> list[bytes]:
    """Return, for every row of a column, the bytes that put its value as a text under a name; none where it is null."""

    def tail(text: str | None) -> bytes:
        return wire.message(name, wire.TEXTS, b"" if text is None else wire.field(wire.VALUES, text.encode()))

    encoded = column.cast(pa.string()).dictionary_encode()
    tails = [tail(text) for text in encoded.dictionary.to_pylist()] + [tail(None)]
    return [tails[code] for code in encoded.indices.fill_null(len(tails) - 1).to_pylist()]


def _id_tails(name: str, lists: pa.ListArray) -> list[bytes]:
    packed = [b"".join(wire.varint(one & _ALL_BITS) for one in ids or ()) for ids in lists.to_pylist()]
    values = [wire.field(wire.VALUES, one) if one else b"" for one in packed]
    return [wire.message(stored_name(name), wire.INTEGERS, one) for one in values]


def _vectors(column: pa.Array, output: WideOutput) -> np.ndarray:
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if (lengths != output.width).any():
        raise ArtifactError(
            f"example: {output.name!r} has not {output.width} values in every row; was this file written by another "
            "graph?"
        )
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), output.width)


def _one_per_row(batch: pa.RecordBatch, name: str, cure: str = _WHOSE) -> np.ndarray:
    column = batch.column(batch.schema.names.index(name))
    values = column.flatten()
    if column.null_count or len(values) != len(column):
        raise ArtifactError(f"example: {name!r} has not one value in every row; {cure}")
    return values.to_numpy(zero_copy_only=False)


def texts(column: pa.Array) -> pa.DictionaryArray:
    """Return the string of every row, null where there is none; a text is held once, however many rows have it."""
    present = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False) > 0
    encoded = column.flatten().cast(TEXTS.value_type).dictionary_encode()
    codes = np.zeros(len(column), np.int32)
    codes[present] = encoded.indices.to_numpy()
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=~present), encoded.dictionary)


def _coded_texts(block: Block, name: str) -> pa.DictionaryArray | None:
    """Return what `texts` does, of a block of one layout; None if a row has two texts, or one that is no text."""
    numbers: dict[str, int] = {}
    codes = []
    try:
        for tail in block.tails:
            values = tail[name]
            codes.append(numbers.setdefault(values[0].decode(), len(numbers)) if values else None)
            if len(values) > 1:
                return None
    except UnicodeDecodeError:
        return None
    indices = pa.array(codes, pa.int32()).take(pa.array(block.codes))
    return pa.DictionaryArray.from_arrays(indices, pa.array(numbers, TEXTS.value_type))
