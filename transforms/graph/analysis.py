"""Analysis: the full pass of tf.Transform over the raw training rows, from a preprocessing_fn to a graph directory."""

import contextlib
import dataclasses
import json
import logging
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.beam.tft_beam_io import transform_fn_io
from tfx_bsl.tfxio import tensor_adapter

from schemas.address import is_remote
from schemas.artifacts.making import move_folder
from schemas.column import Kind
from schemas.schema import Schema
from transforms.graph import operations, token_counts, wide_outputs
from transforms.graph.graph import FEATURES, RAW_SCHEMA, SAVED_MODEL, TransformGraph, graph_fingerprint
from transforms.graph.preprocessing import FeatureOutputs, PreprocessingFn, several_values
from transforms.graph.saved_model import canonicalize

__all__ = ["AnalyzeGraph", "graph_fingerprint", "remove_temporary"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass
class AnalyzeGraph(beam.PTransform):
    """From a bounded PCollection of raw batches to a PCollection of one path: the graph directory, written.

    `schema` is that of the serving environment: every column of it becomes a `SparseTensor` input, [rows, 1], [rows, n]
    of a vector, [rows, longest] of a list, with no entry where a value is missing. The preprocessing_fn returns what
    `FeatureOutputs` takes; anything else raises `InputError` when the pipeline is built. The same batches in the same
    order give the same bytes. `temp` is a directory that the workers can reach, by TensorFlow too; `place` brings the
    finished graph from the disk of the worker that finished it to `output`.
    """

    preprocessing_fn: PreprocessingFn
    schema: Schema
    output: str
    temp: str
    place: Callable[[pathlib.Path, str], None] = move_folder

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[str]:
        """Wire the analysis and the writing of the graph."""
        token_counts.install()
        unpublished = f"{self.temp.rstrip('/')}/unpublished"
        with tft_beam.Context(temp_dir=self.temp):
            lists = batches | "Turn Columns Into Lists" >> beam.Map(columns_as_lists, self.schema)
            graph = (lists, _adapter(self.schema)) | "Analyze" >> tft_beam.AnalyzeDataset(
                FeatureOutputs(self.preprocessing_fn, several=several_values(self.schema))
            )
            return (
                graph
                | "Write Graph" >> transform_fn_io.WriteTransformFn(unpublished)
                | "Publish Graph"
                >> beam.Map(_publish, unpublished, self.output, self.temp, self.schema.text(), self.place)
            )


def remove_temporary(temp: str) -> None:
    """Remove the `temp` of an analysis; where that fails it is a warning, since the analysis has ended by itself."""
    try:
        if tf.io.gfile.exists(temp):
            tf.io.gfile.rmtree(temp)
    except (tf.errors.OpError, OSError) as error:
        _log.warning("%s: cannot be removed: %s; remove it", temp, type(error).__name__)


def columns_as_lists(batch: pa.RecordBatch, schema: Schema) -> pa.RecordBatch:
    """Return the schema's columns as lists, of one value where a row has one: tf.Transform's input form.

    A missing value is an empty list.
    """
    arrays = []
    for column in schema.columns:
        array = batch.column(column.name)
        offsets = np.zeros(len(array) + 1, np.int32)
        if column.value_count is not None:
            lengths = array.value_lengths().fill_null(0)
            values = array.flatten()
        else:
            lengths = array.is_valid()
            values = array.drop_null() if array.null_count else array
        np.cumsum(lengths.to_numpy(zero_copy_only=False), out=offsets[1:])
        arrays.append(pa.ListArray.from_arrays(pa.array(offsets), values.cast(_list_value(column.kind))))
    return pa.RecordBatch.from_arrays(arrays, schema=_list_schema(schema))


def _list_value(kind: Kind) -> pa.DataType:
    return pa.binary() if kind is Kind.BYTES else kind.value


def _list_schema(schema: Schema) -> pa.Schema:
    return pa.schema([pa.field(column.name, pa.list_(_list_value(column.kind))) for column in schema.columns])


def _adapter(schema: Schema) -> tensor_adapter.TensorAdapterConfig:
    representations = {}
    for name in schema.names:
        representation = schema_pb2.TensorRepresentation()
        representation.varlen_sparse_tensor.column_name = name
        representations[name] = representation
    return tensor_adapter.TensorAdapterConfig(_list_schema(schema), representations)


def _publish(
    _: None, unpublished: str, output: str, temp: str, schema_text: str, place: Callable[[pathlib.Path, str], None]
) -> str:
    """Turn what tf.Transform wrote into a graph directory at `output`."""
    with _on_disk(unpublished) as source:
        canonicalize(source / SAVED_MODEL, temp)
        operations.check_saved_model(source / SAVED_MODEL)
        made = tft.TFTransformOutput(str(source))

        def vocabulary(name: str) -> list[bytes] | None:
            return made.vocabulary_by_name(name) if made.vocabulary_file_by_name(name) else None

        schema = made.transformed_metadata.schema
        _save(wide_outputs.described(schema, vocabulary), source)
        (source / RAW_SCHEMA).write_text(schema_text)
        if hidden := _from_hidden(source, Schema.from_text(schema_text)):
            _save(wide_outputs.described(schema, lambda name: None if name in hidden else vocabulary(name)), source)
        place(source, output)
    return output


@contextlib.contextmanager
def _on_disk(folder: str) -> Iterator[pathlib.Path]:
    """Have a folder that TensorFlow wrote on this machine's disk: in place, or as a copy of one at an address."""
    if not is_remote(folder):
        yield pathlib.Path(folder)
        return
    with tempfile.TemporaryDirectory(prefix="onegraph-graph-") as copied:
        for found, _, names in tf.io.gfile.walk(folder):
            into = pathlib.Path(copied) / found.removeprefix(folder).strip("/")
            into.mkdir(parents=True, exist_ok=True)
            for name in names:
                tf.io.gfile.copy(f"{found.rstrip('/')}/{name}", str(into / name))
        yield pathlib.Path(copied)


def _save(described: dict[str, Any], path: pathlib.Path) -> None:
    (path / FEATURES).write_text(json.dumps(described, indent=1) + "\n")


def _from_hidden(path: pathlib.Path, schema: Schema) -> set[str]:
    """Return the outputs of several columns that hidden columns go into: names are shown, so no word may be in them."""
    hidden = {column.name for column in schema.columns if column.role("personal") == "hidden"}
    if not hidden:
        return set()
    graph = TransformGraph.load(path)
    return {
        output.name
        for output in graph.wide_outputs
        if any(hidden.intersection(columns) for columns in graph.feature_columns[output.columns])
    }
