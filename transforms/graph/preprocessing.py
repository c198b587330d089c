"""A use case's preprocessing_fn: called as tf.Transform calls it, on no data, and what is wrong with what it gives."""

import contextlib
import dataclasses
import inspect
import logging
import os
import tempfile
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_transform import graph_context, impl_helper, schema_inference

from schemas.artifacts.making import no_room
from schemas.errors import InputError, OnegraphError
from schemas.nearest import did_you_mean, listed
from schemas.probe_rows import probe_rows
from schemas.schema import SERVING, Schema
from schemas.user_code import in_one_line, line_in
from transforms.graph import batch_dependence, operations
from transforms.graph.feature_names import is_feature_name
from transforms.graph.traced_operations import line_of, operations_behind, operations_over_rows
from transforms.missing import many_valued

PreprocessingFn = Callable[[Mapping[str, tf.SparseTensor]], Mapping[str, tf.Tensor]]

_WANTED = "wanted one number per row, a vector of a fixed size, or lists of ids"

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class FeatureOutputs:
    """A preprocessing_fn whose operations and outputs are checked.

    An output is one number per row, [rows] or [rows, 1], which becomes [rows]; a vector, [rows, n] with n known; or
    lists of ids, a sparse or ragged tensor of integers of a range that tf.Transform knows. All are float32 or int64.
    `several` are the columns of several values, which come as `ManyValued`, and how many where that is always the same.

    Raises `InputError`, naming `where`, for whatever is wrong. `training_only` are columns that serving does not have.
    """

    preprocessing_fn: PreprocessingFn
    where: str = "preprocessing_fn"
    training_only: tuple[str, ...] = ()
    several: Mapping[str, int | None] = dataclasses.field(default_factory=dict)

    def __call__(self, inputs: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor | tf.SparseTensor]:
        made = self._made(inputs)
        if not isinstance(made, Mapping):
            raise InputError(f"{self.where}: preprocessing_fn gives {_a(made)}, wanted a dict of features by name")
        if not made:
            raise InputError(f"{self.where}: preprocessing_fn gives no feature, wanted one or more")
        for name in made:
            if not is_feature_name(name):
                raise InputError(
                    f"{self.where}: output {name!r}: a feature's name is text without control characters; rename it"
                )
        outputs = {name: self._output(name, tensor) for name, tensor in made.items()}
        self._check_operations(outputs)
        return outputs

    def _made(self, inputs: Mapping[str, tf.SparseTensor]) -> object:
        many = {name: many_valued(inputs[name], size) for name, size in self.several.items()}
        columns = _Columns({**inputs, **many}, self.training_only)
        try:
            return self.preprocessing_fn(columns)
        except _NoColumn as error:
            line = line_in(traceback.extract_tb(error.__traceback__), _file_of(self.preprocessing_fn))
            raise InputError(f"{self.where}{f' line {line}' if line else ''}: {error}") from None
        except OnegraphError:
            raise
        except Exception as error:
            if no_room(error) is not None:  # analyzers write files
                raise
            _log.info("%s: preprocessing_fn", self.where, exc_info=True)
            said = in_one_line(error, _file_of(self.preprocessing_fn), self.where, "preprocessing_fn ended in ")
            raise InputError(said) from None

    def _check_operations(self, outputs: Mapping[str, tf.Tensor | tf.SparseTensor]) -> None:
        graph = tf.compat.v1.get_default_graph()
        found = operations.forbidden(graph.as_graph_def())
        if found is None:
            return
        names = [name for name, made in outputs.items() if found.name in operations_behind(_tensors(made))]
        features = f" of feature {', '.join(map(repr, names))}" if names else ""
        line = ""
        with contextlib.suppress(KeyError):  # of a function within
            number = line_of(graph.get_operation_by_name(found.name), _file_of(self.preprocessing_fn))
            line = f" line {number}" if number else ""
        raise InputError(f"{self.where}{line}: operation {found.op} ({found.name}){features}; {operations.INSTEAD}")

    def _output(self, name: str, tensor: object) -> tf.Tensor | tf.SparseTensor:
        if isinstance(tensor, tf.SparseTensor | tf.RaggedTensor):
            return self._ids(name, tensor)
        if not tf.is_tensor(tensor) or not isinstance(tensor, tf.Tensor):
            raise InputError(f"{self.where}: output {name!r} is {_a(tensor)}, {_WANTED}")
        shape = tensor.shape
        if shape.rank not in (1, 2):
            raise InputError(f"{self.where}: output {name!r} has shape {shape}, {_WANTED}: [rows] or [rows, n]")
        if shape.rank == 2 and not shape[1]:
            raise InputError(
                f"{self.where}: output {name!r} has shape {shape}, {_WANTED}; say how many parts it has, as in "
                "fill(column, 0.0, size=8), or return the ids that it is made of"
            )
        self._check_number(name, tensor)
        flat = tf.reshape(tensor, [-1]) if shape.rank == 2 and shape[1] == 1 else tensor
        return tf.cast(flat, tf.float32 if tensor.dtype.is_floating else tf.int64)

    def _check_number(self, name: str, tensor: tf.Tensor) -> None:
        if not (tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_bool):
            raise InputError(
                f"{self.where}: output {name!r} is {tensor.dtype.name}, wanted a number; apply a vocabulary to strings"
            )

    def _ids(self, name: str, tensor: tf.SparseTensor | tf.RaggedTensor) -> tf.SparseTensor:
        values = tensor.values
        if tensor.shape.rank not in (None, 2) or not isinstance(values, tf.Tensor):
            raise InputError(f"{self.where}: output {name!r} is {_a(tensor)} of shape {tensor.shape}, {_WANTED}")
        self._check_number(name, values)
        try:
            known = values.dtype == tf.int64 and schema_inference.get_tensor_schema_override(values)
        except ValueError:
            known = None
        if not known:
            raise InputError(
                f"{self.where}: output {name!r} is {_a(tensor)} of {values.dtype.name} whose range is not known, "
                f"{_WANTED}, as a vocabulary, buckets or transforms.many_valued make them; give missing values of a "
                "column of one value a default with transforms.missing.fill"
            )
        if isinstance(tensor, tf.SparseTensor):
            return tensor
        row, place = tensor.value_rowids(), tf.range(tf.size(values, tf.int64))
        where = tf.stack([tf.cast(row, tf.int64), place - tf.gather(tf.cast(tensor.row_starts(), tf.int64), row)], 1)
        shape = tf.stack([tensor.nrows(tf.int64), tf.cast(tensor.bounding_shape(1), tf.int64)])
        return tf.SparseTensor(where, values, shape)  # the same values: tf.Transform knows the range of these


def check_preprocessing(preprocessing_fn: PreprocessingFn, schema: Schema, where: str) -> None:
    """Call a preprocessing_fn as tf.Transform will, without data; raise `InputError`, naming `where`, as above.

    What its graph gives for made-up rows is compared in batches of several sizes, with analyzers that have seen
    nothing; a row that cannot be computed without data says nothing. That the analyzers' files cannot be written for
    want of room is an `OSError` that says where.
    """
    serving = schema.environment(SERVING)
    hidden = tuple(name for name in schema.names if name not in serving)
    checked = FeatureOutputs(preprocessing_fn, where, hidden, several_values(serving))
    types = {column.name: tf.as_dtype(_DTYPES[column.kind.name]) for column in serving.columns}
    specs = {name: tf.SparseTensorSpec([None, None], dtype) for name, dtype in types.items()}
    with tempfile.TemporaryDirectory(prefix="onegraph-trace-") as temp:
        context = graph_context.TFGraphContext(tf.Module(), temp_dir=temp, evaluated_replacements={})
        try:
            function = impl_helper.get_traced_transform_fn(checked, specs, context).get_concrete_function()
        except Exception as error:
            full = no_room(error)
            if full is None or isinstance(error, OnegraphError):
                raise
            raise OSError(full, os.strerror(full), tempfile.gettempdir()) from error

        def apply(rows: pa.RecordBatch) -> dict[str, np.ndarray]:
            made = function({name: _sparse(rows.column(name), dtype) for name, dtype in types.items()})
            return {name: _by_row(tensor) for name, tensor in made.items()}

        try:
            misshapen, depending = batch_dependence.wrong_features(apply, probe_rows(serving, batch_dependence.ROWS))
        except Exception:  # of rows that are made up: data may be otherwise
            _log.info("%s: preprocessing_fn cannot be tried on made-up rows", where, exc_info=True)
            return
    if misshapen:
        raise InputError(
            f"{where}: output {misshapen[0]!r} has another number of rows than its batch, {_WANTED}; take columns "
            "through transforms.missing.fill or transforms.many_valued, not by their .values"
        )
    if depending:
        outputs = [tensor for name in depending for tensor in _tensors(function.structured_outputs[name])]
        by = operations_over_rows(outputs, _file_of(preprocessing_fn))
        raise InputError(batch_dependence.said(where, depending, by))


def several_values(schema: Schema) -> dict[str, int | None]:
    """Return the columns of a schema that have several values, with how many where that is always the same.

    >>> several_values(Schema.from_text('feature { name: "size" type: FLOAT shape { dim { size: 3 } } }'))
    {'size': 3}
    """
    return {column.name: column.value_count.fixed for column in schema.columns if column.value_count is not None}


_DTYPES = {"FLOAT": tf.float32, "INT": tf.int64, "BYTES": tf.string}


class _Columns(dict):
    """The inputs of a preprocessing_fn, which say what they have if one is asked for that is not there."""

    def __init__(self, inputs: Mapping[str, Any], training_only: tuple[str, ...]):
        super().__init__(inputs)
        self._training_only = training_only

    def __missing__(self, name: object) -> Any:
        if name in self._training_only:
            raise _NoColumn(
                f"preprocessing_fn wants column {name!r}, which serving does not have, training alone; "
                f"serving has: {listed(self)}"
            )
        raise _NoColumn(
            f"preprocessing_fn wants column {name!r}, which is not in the schema ({listed(self)})"
            f"{did_you_mean(name, self)}"
        )

    def copy(self) -> "_Columns":
        return _Columns(self, self._training_only)


class _NoColumn(InputError, KeyError):
    """A `KeyError` to code that looks whether a column is there."""

    __str__ = Exception.__str__


def _sparse(column: pa.Array, dtype: tf.DType) -> tf.SparseTensor:
    if pa.types.is_list(column.type):
        lists = [values or [] for values in column.to_pylist()]
        places = [(row, place) for row, values in enumerate(lists) for place in range(len(values))]
        flat = [value for values in lists for value in values]
        shape = [len(lists), max(map(len, lists), default=0)]
        return tf.SparseTensor(np.array(places, np.int64).reshape(-1, 2), tf.constant(flat, dtype), shape)
    present = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    indices = np.stack([present, np.zeros_like(present)], axis=1)
    values = tf.constant(column.drop_null().to_pylist(), dtype)
    return tf.SparseTensor(tf.constant(indices, tf.int64), values, [len(column), 1])


def _tensors(made: tf.Tensor | tf.SparseTensor) -> list[tf.Tensor]:
    return tf.nest.flatten(made, expand_composites=True)


def _by_row(made: tf.Tensor | tf.SparseTensor) -> np.ndarray:
    """Return an output's values, [rows] or [rows, n]; of lists of ids each row's as bytes, [rows]."""
    if not isinstance(made, tf.SparseTensor):
        return made.numpy()
    rows = made.indices.numpy()[:, 0]
    found = np.empty(int(made.dense_shape[0]), object)
    found[:] = [made.values.numpy()[rows == row].tobytes() for row in range(len(found))]
    return found


def _file_of(function: Callable) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code.co_filename if code else ""


def _a(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
