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
from tensorflow_transform import graph_context, impl_helper

from schemas.artifacts.making import no_room
from schemas.errors import InputError, OnegraphError
from schemas.nearest import did_you_mean, listed
from schemas.probe_rows import probe_rows
from schemas.schema import SERVING, Schema
from schemas.user_code import in_one_line, line_in
from transforms.graph import batch_dependence, operations
from transforms.graph.feature_names import is_feature_name
from transforms.graph.traced_operations import line_of, operations_behind, operations_over_rows

PreprocessingFn = Callable[[Mapping[str, tf.SparseTensor]], Mapping[str, tf.Tensor]]

_ONE = "wanted one number per row"

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class OneNumberPerRow:
    """A preprocessing_fn whose operations and outputs are checked; these become float32 or int64 tensors of [rows].

    Raises `InputError`, naming `where`, for whatever is wrong. `training_only` are columns that serving does not have.
    """

    preprocessing_fn: PreprocessingFn
    where: str = "preprocessing_fn"
    training_only: tuple[str, ...] = ()

    def __call__(self, inputs: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
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
        outputs = {name: self._one_number(name, tensor) for name, tensor in made.items()}
        self._check_operations(outputs)
        return outputs

    def _made(self, inputs: Mapping[str, tf.SparseTensor]) -> object:
        columns = _Columns(inputs, self.training_only)
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

    def _check_operations(self, outputs: Mapping[str, tf.Tensor]) -> None:
        graph = tf.compat.v1.get_default_graph()
        found = operations.forbidden(graph.as_graph_def())
        if found is None:
            return
        names = [name for name, tensor in outputs.items() if found.name in operations_behind([tensor])]
        features = f" of feature {', '.join(map(repr, names))}" if names else ""
        line = ""
        with contextlib.suppress(KeyError):  # of a function within
            number = line_of(graph.get_operation_by_name(found.name), _file_of(self.preprocessing_fn))
            line = f" line {number}" if number else ""
        raise InputError(f"{self.where}{line}: operation {found.op} ({found.name}){features}; {operations.INSTEAD}")

    def _one_number(self, name: str, tensor: object) -> tf.Tensor:
        if isinstance(tensor, tf.SparseTensor | tf.RaggedTensor):
            raise InputError(
                f"{self.where}: output {name!r} is {_a(tensor)}, {_ONE}; give missing values a default with "
                "transforms.missing.fill"
            )
        if not tf.is_tensor(tensor) or not isinstance(tensor, tf.Tensor):
            raise InputError(f"{self.where}: output {name!r} is {_a(tensor)}, {_ONE} as a tensor")
        shape = tensor.shape
        if shape.rank not in (1, 2) or (shape.rank == 2 and shape[1] != 1):
            raise InputError(
                f"{self.where}: output {name!r} has shape {shape}, wanted [rows] or [rows, 1]; "
                "return a vector's parts as features of their own"
            )
        if not (tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_bool):
            raise InputError(
                f"{self.where}: output {name!r} is {tensor.dtype.name}, wanted a number; apply a vocabulary to strings"
            )
        flat = tf.reshape(tensor, [-1]) if shape.rank == 2 else tensor
        return tf.cast(flat, tf.float32 if tensor.dtype.is_floating else tf.int64)


def check_preprocessing(preprocessing_fn: PreprocessingFn, schema: Schema, where: str) -> None:
    """Call a preprocessing_fn as tf.Transform will, without data; raise `InputError`, naming `where`, as above.

    What its graph gives for made-up rows is compared in batches of several sizes, with analyzers that have seen
    nothing; a row that cannot be computed without data says nothing. That the analyzers' files cannot be written for
    want of room is an `OSError` that says where.
    """
    serving = schema.environment(SERVING)
    hidden = tuple(name for name in schema.names if name not in serving)
    checked = OneNumberPerRow(preprocessing_fn, where, hidden)
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
            return {name: tensor.numpy() for name, tensor in made.items()}

        try:
            misshapen, depending = batch_dependence.wrong_features(apply, probe_rows(serving, batch_dependence.ROWS))
        except Exception:  # of rows that are made up: data may be otherwise
            _log.info("%s: preprocessing_fn cannot be tried on made-up rows", where, exc_info=True)
            return
    if misshapen:
        raise InputError(
            f"{where}: output {misshapen[0]!r} has another number of rows than its batch, {_ONE}; take columns through "
            "transforms.missing.fill, not by their .values"
        )
    if depending:
        outputs = [function.structured_outputs[name] for name in depending]
        by = operations_over_rows(outputs, _file_of(preprocessing_fn))
        raise InputError(batch_dependence.said(where, depending, by))


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
    present = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    indices = np.stack([present, np.zeros_like(present)], axis=1)
    values = tf.constant(column.drop_null().to_pylist(), dtype)
    return tf.SparseTensor(tf.constant(indices, tf.int64), values, [len(column), 1])


def _file_of(function: Callable) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code.co_filename if code else ""


def _a(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
