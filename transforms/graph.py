"""The graph: one tf.Transform SavedModel, loaded once, from a raw batch to the feature matrix.

The directory holds all that it needs and can be copied anywhere: `transform_fn/` (the SavedModel),
`transformed_metadata/`, `schema.pbtxt` (the raw columns it takes) and `features.json` (order and kinds).
"""

import contextlib
import json
import pathlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import tensorflow as tf

from schemas import fingerprint
from schemas.buffers import validity_of, values_of
from schemas.errors import ArtifactError, InputError
from schemas.schema import Column, Kind, Schema

SAVED_MODEL = "transform_fn"
FEATURES = "features.json"
RAW_SCHEMA = "schema.pbtxt"

# TensorFlow's CPU kernels compute whole packets with vector code and the rest of a batch with scalar code, whose
# last bits differ. A batch padded to a multiple of 16 rows has no rest, so a row's bits do not depend on its batch.
_ROWS_MULTIPLE = 16
_EXACT_IN_FLOAT32 = 2**24
_FINGERPRINT = "fingerprint.pb"  # random in every file that TensorFlow writes; says nothing about the content


class TransformGraph:
    """A loaded graph. Safe to call from several threads; nothing is traced after `load`."""

    def __init__(self, path: pathlib.Path, schema: Schema, features: list[tuple[str, str]]):
        self.path = path
        self.schema = schema
        self.feature_names = tuple(name for name, _ in features)
        self.feature_kinds = tuple(kind for _, kind in features)
        self.input_names = schema.names
        self.fingerprint = graph_fingerprint(path)
        self._columns = {
            kind: [column for column in schema.columns if column.kind is kind]
            for kind in (Kind.FLOAT, Kind.INT, Kind.BYTES)
        }
        self._int_names = tuple(name for name, kind in features if kind == "int")
        self._saved_model = tf.saved_model.load(str(path / SAVED_MODEL))
        self._function = self._concrete_function()

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "TransformGraph":
        """Load a graph directory; raises `ArtifactError` where it is not one or is incomplete."""
        path = pathlib.Path(path)
        _use_one_thread()
        try:
            described = json.loads((path / FEATURES).read_text())
            features = [(feature["name"], feature["kind"]) for feature in described["features"]]
            schema = Schema.from_text((path / RAW_SCHEMA).read_text(), str(path / RAW_SCHEMA))
        except (OSError, ValueError, KeyError, TypeError):
            raise ArtifactError(f"{path}: not a graph directory ({FEATURES} or {RAW_SCHEMA} is not there)") from None
        try:
            return cls(path, schema, features)
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise ArtifactError(f"{path}: its SavedModel does not load: {_first_line(error)}") from None

    def apply(self, batch: pa.RecordBatch) -> np.ndarray:
        """Transform a raw batch to features, float32 [rows, features] in the order of `feature_names`.

        Columns are picked by name, others ignored. Raises `InputError` for a missing column, a column of another
        type, or an integer feature that float32 cannot hold exactly.
        """
        rows = batch.num_rows
        if rows == 0:
            return np.empty((0, len(self.feature_names)), np.float32)
        features, inexact = self.call(self.pack(batch))
        if self._int_names and (wrong := inexact.numpy()).any():
            name = self._int_names[int(wrong.argmax())]
            raise InputError(
                f"graph: feature {name!r} has an integer beyond 2^24, which float32 cannot hold exactly; "
                "make a vocabulary or buckets of it in preprocessing_fn"
            )
        return features.numpy()[:rows]

    def check_columns(self, batch: pa.RecordBatch) -> None:
        """Raise `InputError` for a column of the graph that a batch lacks or has in another type."""
        for column in self.schema.columns:
            _picked(batch, batch.schema.names, column)

    def call(self, packed: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Run the graph on what `pack` made: features, padding rows included, and which integer feature is inexact."""
        return self._function(**packed)

    def pack(self, batch: pa.RecordBatch) -> dict[str, tf.Tensor]:
        """Pack the columns into one matrix per type, padded with rows that have no values."""
        rows = batch.num_rows
        padded = -(-rows // _ROWS_MULTIPLE) * _ROWS_MULTIPLE
        names = batch.schema.names
        floats, ints, texts = (self._columns[kind] for kind in (Kind.FLOAT, Kind.INT, Kind.BYTES))
        numbers = np.zeros((len(floats), padded), np.float32)
        integers = np.zeros((len(ints), padded), np.int64)
        codes = np.zeros((len(texts), padded), np.int32)
        present = np.zeros((len(floats) + len(ints), padded), np.bool_)
        for place, column in enumerate(floats + ints):
            array = _picked(batch, names, column)
            target: np.ndarray = numbers[place] if place < len(floats) else integers[place - len(floats)]
            target[:rows] = values_of(array, target.dtype)
            present[place, :rows] = validity_of(array) if array.null_count else True
        vocabulary = [""]
        for place, column in enumerate(texts):
            encoded = _picked(batch, names, column).dictionary_encode()
            codes[place, :rows] = values_of(encoded.indices, codes.dtype) + len(vocabulary)
            if encoded.null_count:
                codes[place, :rows][~validity_of(encoded.indices)] = 0
            vocabulary.extend(encoded.dictionary.to_pylist())
        packed = {"numbers": numbers, "integers": integers, "codes": codes, "present": present}
        tensors = {name: tf.constant(array) for name, array in packed.items()}
        return {**tensors, "strings": tf.constant(vocabulary, tf.string)}

    def _concrete_function(self) -> tf.types.experimental.ConcreteFunction:
        floats, ints, texts = (self._columns[kind] for kind in (Kind.FLOAT, Kind.INT, Kind.BYTES))

        def features_of(numbers, integers, codes, present, strings):
            rows = tf.shape(codes, tf.int64)[1]
            inputs = {}
            for place, column in enumerate(floats):
                inputs[column.name] = _sparse(numbers[place], present[place], rows)
            for place, column in enumerate(ints):
                inputs[column.name] = _sparse(integers[place], present[len(floats) + place], rows)
            for place, column in enumerate(texts):
                inputs[column.name] = _sparse(tf.gather(strings, codes[place]), codes[place] > 0, rows)
            outputs = self._saved_model.transform_fn(inputs)
            features = tf.stack([tf.cast(outputs[name], tf.float32) for name in self.feature_names], axis=1)
            # A padding row holds the defaults of missing values: it can only be inexact where such rows are anyway.
            whole = [outputs[name] for name in self._int_names]
            inexact = [tf.reduce_any((x > _EXACT_IN_FLOAT32) | (x < -_EXACT_IN_FLOAT32)) for x in whole]
            return features, tf.stack(inexact) if inexact else tf.zeros([0], tf.bool)

        return tf.function(features_of).get_concrete_function(
            numbers=tf.TensorSpec([len(floats), None], tf.float32),
            integers=tf.TensorSpec([len(ints), None], tf.int64),
            codes=tf.TensorSpec([len(texts), None], tf.int32),
            present=tf.TensorSpec([len(floats) + len(ints), None], tf.bool),
            strings=tf.TensorSpec([None], tf.string),
        )


def graph_fingerprint(path: str | pathlib.Path) -> str:
    """Return the sha256 over the names and bytes of a graph directory's files; the same content is the same value."""
    path = pathlib.Path(path)
    files = sorted(entry for entry in path.rglob("*") if entry.is_file() and entry.name != _FINGERPRINT)
    return fingerprint.of_json({file.relative_to(path).as_posix(): fingerprint.of_file(file) for file in files})


def _sparse(values: tf.Tensor, present: tf.Tensor, rows: tf.Tensor) -> tf.SparseTensor:
    places = tf.where(present)
    indices = tf.pad(places, [[0, 0], [0, 1]])
    return tf.SparseTensor(indices, tf.gather_nd(values, places), tf.stack([rows, tf.constant(1, tf.int64)]))


def _picked(batch: pa.RecordBatch, names: list[str], column: Column) -> pa.Array:
    if column.name not in names:
        raise InputError(f"raw batch: column {column.name!r} is missing, the graph takes it; got {', '.join(names)}")
    array = batch.column(names.index(column.name))
    if array.type != column.kind.value:
        raise InputError(f"raw batch: column {column.name!r} is {array.type}, the graph takes {column.kind.value}")
    return array


def _use_one_thread() -> None:
    # One core is what a Beam worker or a consumer has per batch; more threads only add jumps to the latency.
    # TensorFlow refuses the setting after its first operation: then whoever ran that has chosen.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
