"""The graph: one tf.Transform SavedModel, loaded once, from a raw batch to the feature matrix.

The directory holds all that it needs and can be copied anywhere: `transform_fn/` (the SavedModel),
`transformed_metadata/`, `schema.pbtxt` (the raw columns it takes) and `features.json` (order and kinds of the matrix's
columns, and which of them are one output together).
"""

import contextlib
import errno
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from schemas import fingerprint
from schemas.errors import ArtifactError, InputError, OnegraphError
from schemas.plain_files import parse_json, read_plain
from schemas.schema import Schema
from transforms.graph import wide_outputs
from transforms.graph.feature_names import is_feature_name
from transforms.graph.operations import check_saved_model
from transforms.graph.origins import origins
from transforms.graph.packed_columns import PackedColumns
from transforms.graph.packets import padded
from transforms.graph.wide_outputs import IDS, VECTOR, WideOutput, counted

SAVED_MODEL = "transform_fn"
FEATURES = "features.json"
RAW_SCHEMA = "schema.pbtxt"
_KINDS = ("float", "int")

_EXACT_IN_FLOAT32 = 2**24
_LARGEST = 16 * 1024 * 1024  # of the two files that describe a graph
_FINGERPRINT = "fingerprint.pb"  # random in every file that TensorFlow writes; says nothing about the content


class TransformGraph:
    """A loaded graph. Safe to call from several threads; nothing is traced after `load`.

    A feature is a column of the matrix; `wide_outputs` are the outputs of preprocessing_fn that are several.
    `feature_columns` has, for each feature, the raw columns that it comes from, sorted; none for a constant.
    """

    def __init__(
        self,
        path: pathlib.Path,
        schema: Schema,
        features: list[tuple[str, str]],
        wide_outputs: tuple[WideOutput, ...] = (),
    ):
        self.path = path
        self.schema = schema
        self.feature_names = tuple(name for name, _ in features)
        self.feature_kinds = tuple(kind for _, kind in features)
        self.input_names = schema.names
        self.fingerprint = graph_fingerprint(path)
        self._packed = PackedColumns(schema)
        self.wide_outputs = wide_outputs
        self._ids = [output for output in wide_outputs if output.form == IDS]
        wide = {index for output in wide_outputs for index in range(len(features))[output.columns]}
        self._vectors = {
            kind: [one for one in wide_outputs if one.form == VECTOR and features[one.first][1] == kind]
            for kind in _KINDS
        }
        self._singles = {
            kind: [index for index, (_, found) in enumerate(features) if found == kind and index not in wide]
            for kind in _KINDS
        }
        self._floats, self._ints = (
            self._singles[kind] + [at for one in self._vectors[kind] for at in range(len(features))[one.columns]]
            for kind in _KINDS
        )
        check_saved_model(path / SAVED_MODEL)
        self._saved_model = tf.saved_model.load(str(path / SAVED_MODEL))
        self._function, self.feature_columns = self._traced()
        self._captured = self._function.captured_inputs
        self._types = [tf.float32, tf.int64] + [tf.int64] * (2 * len(self._ids))

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "TransformGraph":
        """Load a graph directory; raises `ArtifactError` if it is not one, is incomplete or may not be run."""
        path = pathlib.Path(path)
        use_one_thread()
        try:
            described = parse_json(read_plain(path / FEATURES, _LARGEST))
            features = [(feature["name"], feature["kind"]) for feature in described["features"]]
            wide = wide_outputs.from_json(described.get("wide_outputs", []), len(features))
            schema = Schema.from_text(read_plain(path / RAW_SCHEMA, _LARGEST).decode(), str(path / RAW_SCHEMA))
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # another OSError is the machine's
            raise ArtifactError(f"{path}: not a graph directory ({FEATURES} or {RAW_SCHEMA} is not there)") from None
        for name, kind in features:
            if not is_feature_name(name) or kind not in _KINDS:
                raise ArtifactError(f"{path / FEATURES}: a feature is called {name!r}, of kind {kind!r}; build again")
        try:
            return cls(path, schema, features, wide)
        except (OnegraphError, MemoryError):
            raise
        except OSError as error:
            if error.errno not in (None, errno.ENOENT):  # the machine's; TensorFlow's own has no number
                raise
            raise ArtifactError(f"{path}: its SavedModel does not load: {_first_line(error)}") from None
        except Exception as error:  # whatever a foreign SavedModel does to TensorFlow's loader
            raise ArtifactError(f"{path}: its SavedModel does not load: {_first_line(error)}") from None

    def apply(self, batch: pa.RecordBatch) -> np.ndarray:
        """Transform a raw batch to features, float32 [rows, features] in the order of `feature_names`.

        Columns are picked by name, others ignored. Raises `InputError` for a missing column, a column of another
        type, or an integer feature that float32 cannot hold exactly.
        """
        return self.apply_with_ids(batch)[0]

    def apply_with_ids(self, batch: pa.RecordBatch) -> tuple[np.ndarray, dict[str, pa.ListArray]]:
        """Transform a raw batch to what `apply` returns, and the lists of ids by the names of their outputs.

        A row without ids has an empty list. Raises what `apply` does.
        """
        rows = batch.num_rows
        features = np.empty((rows, len(self.feature_names)), np.float32)
        if rows == 0:
            return features, {output.name: pa.array([], pa.list_(pa.int64())) for output in self._ids}
        floats, ints, *found = self.call(self.pack(batch))
        floats, ints = floats.numpy()[:, :rows], ints.numpy()[:, :rows]
        inexact = ((ints > _EXACT_IN_FLOAT32) | (ints < -_EXACT_IN_FLOAT32)).any(axis=1)
        if inexact.any():
            name = self.feature_names[self._ints[int(inexact.argmax())]]
            raise InputError(
                f"graph: feature {name!r} has an integer beyond 2^24, which float32 cannot hold exactly; "
                "make a vocabulary or buckets of it in preprocessing_fn"
            )
        features[:, self._floats] = floats.T
        features[:, self._ints] = ints.T
        ids = {}
        for at, output in enumerate(self._ids):
            lists = ids[output.name] = _lists(found[2 * at].numpy(), found[2 * at + 1].numpy(), rows)
            features[:, output.columns] = counted(lists, output)
        return features, ids

    def check_columns(self, batch: pa.RecordBatch) -> None:
        """Raise `InputError` for a column of the graph that a batch lacks or has in another type."""
        self._packed.check(batch)

    def call(self, packed: Sequence[np.ndarray]) -> Sequence[tf.Tensor]:
        """Run the graph on what `pack` made; returns float (float32) and integer (int64) features, [features, rows].

        For every output of ids follow the values and the row of each of them (int64, [values]). Rows of padding are
        included. The raw operation does what calling the function does, without binding its
        arguments in Python: 0.4 ms instead of 1.7 at 12 rows.
        """
        return tf.raw_ops.StatefulPartitionedCall(args=[*packed, *self._captured], Tout=self._types, f=self._function)

    def pack(self, batch: pa.RecordBatch) -> list[np.ndarray]:
        """Pack a raw batch as the graph takes it (`PackedColumns`), padded with rows that have no values."""
        return self._packed.pack(batch, padded(batch.num_rows))

    def _traced(self) -> tuple[tf.types.experimental.ConcreteFunction, tuple[tuple[str, ...], ...]]:
        columns: dict[str, str] = {}
        made: list[list[str]] = [[] for _ in self.feature_names]

        def features_of(*packed: tf.Tensor) -> tuple[tf.Tensor, ...]:
            inputs = self._packed.unpack(*packed)
            outputs = self._saved_model.transform_fn(inputs)
            columns.update({part.name: name for name, x in inputs.items() for part in (x.indices, x.values)})
            for index in self._singles["float"] + self._singles["int"]:
                made[index] = [outputs[self.feature_names[index]].name]
            for output in self.wide_outputs:
                tensors = tf.nest.flatten(outputs[output.name], expand_composites=True)
                made[output.columns] = [[tensor.name for tensor in tensors[:2]]] * output.width
            rows = tf.shape(packed[0])[1]
            ids = [outputs[output.name] for output in self._ids]
            return (
                self._stacked(outputs, "float", tf.float32, rows),
                self._stacked(outputs, "int", tf.int64, rows),
                *(part for lists in ids for part in (lists.values, lists.indices[:, 0])),
            )

        function = tf.function(features_of, autograph=False).get_concrete_function(*self._packed.signature)
        found = iter(origins(function.graph.as_graph_def(), columns, [name for names in made for name in names]))
        of_features = [{column for _ in names for column in next(found)} for names in made]
        return function, tuple(tuple(sorted(names)) for names in of_features)

    def _stacked(self, outputs: Mapping[str, tf.Tensor], kind: str, dtype: tf.DType, rows: tf.Tensor) -> tf.Tensor:
        """Return the features of one kind, [features, rows], as `_floats` or `_ints` has them: single ones, vectors."""
        single = [outputs[self.feature_names[index]] for index in self._singles[kind]]
        vectors = [tf.transpose(tf.cast(outputs[output.name], dtype)) for output in self._vectors[kind]]
        if not vectors:
            return tf.stack([tf.cast(one, dtype) for one in single]) if single else tf.zeros([0, rows], dtype)
        stacked = [tf.stack([tf.cast(one, dtype) for one in single])] if single else []
        return tf.concat([*stacked, *vectors], 0)


def graph_fingerprint(path: str | pathlib.Path) -> str:
    """Return the sha256 over the names and bytes of a graph directory's files; the same content is the same value."""
    path = pathlib.Path(path)
    files = sorted(entry for entry in path.rglob("*") if entry.is_file() and entry.name != _FINGERPRINT)
    return fingerprint.of_json({file.relative_to(path).as_posix(): fingerprint.of_file(file) for file in files})


def _lists(values: np.ndarray, rows_of: np.ndarray, rows: int) -> pa.ListArray:
    """Return the values of every row as a list, in their order; those of rows of padding are left out."""
    if len(rows_of) and (rows_of[1:] < rows_of[:-1]).any():
        order = np.argsort(rows_of, kind="stable")
        values, rows_of = values[order], rows_of[order]
    offsets = np.searchsorted(rows_of, np.arange(rows + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values[: offsets[-1]], pa.int64()))


def use_one_thread() -> None:
    """Have TensorFlow compute with one thread from now on, unless it has computed already."""
    # One core is what a Beam worker or a consumer has per batch; more threads only add jumps to the latency.
    # TensorFlow refuses the setting after its first operation: then the program that ran it has chosen.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
