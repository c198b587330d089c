"""The graph: the same bits whatever the batch, nothing traced after loading, clear refusals."""

import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from tensorflow.python.framework import func_graph

from schemas.errors import ArtifactError, InputError
from schemas.schema import Schema
from tests.support.file_limit import no_file_can_be_opened
from tests.support.small_artifacts import build_graph
from transforms.graph import packets
from transforms.graph.graph import TransformGraph
from transforms.missing import fill

SIZES = (1, 2, 3, 7, 13, 16, 17, 100, 1000, 4099)
SCHEMA = Schema.from_text(
    """
    feature { name: "x" type: FLOAT }
    feature { name: "n" type: INT }
    feature { name: "s" type: BYTES }
    """
)


def wavy(inputs):
    """Operations whose vector and scalar kernels differ in the last bits."""
    x = fill(inputs["x"], 0.5)
    return {
        "exp": tf.exp(x),
        "log1p": tf.math.log1p(x),
        "n": fill(inputs["n"], 0),
        "reciprocal": tf.math.reciprocal(x + 1.5),
        "sigmoid": tf.sigmoid(x),
        "text_length": tf.strings.length(fill(inputs["s"], "")),
    }


def raw(rows: int = 4099) -> pa.RecordBatch:
    random = np.random.default_rng(7)
    x = pa.array(random.uniform(0, 5, rows).astype(np.float32), mask=random.random(rows) < 0.1)
    n = pa.array(random.integers(-1000, 2**24, rows), mask=random.random(rows) < 0.1)
    texts = np.array(["a", "bb", "ccc", "dåd"], object)[random.integers(0, 4, rows)]
    return pa.record_batch([x, n, pa.array(texts, pa.string(), mask=random.random(rows) < 0.1)], ["x", "n", "s"])


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> pathlib.Path:
    return build_graph(wavy, SCHEMA, [raw(100)], tmp_path_factory.mktemp("wavy") / "graph")


@pytest.fixture(scope="module")
def graph(path) -> TransformGraph:
    return TransformGraph.load(path)


def in_batches(graph: TransformGraph, batch: pa.RecordBatch, size: int) -> np.ndarray:
    starts = range(0, min(batch.num_rows, 300 * size), size)
    return np.concatenate([graph.apply(batch.slice(start, size)) for start in starts])


def test_features_are_in_frozen_order(graph):
    assert graph.feature_names == ("exp", "log1p", "n", "reciprocal", "sigmoid", "text_length")
    assert graph.feature_kinds == ("float", "float", "int", "float", "float", "int")
    assert graph.input_names == ("x", "n", "s")


def test_values(graph):
    batch = pa.record_batch(
        [pa.array([1.0, None], pa.float32()), pa.array([-5, None], pa.int64()), pa.array(["abc", None], pa.string())],
        ["x", "n", "s"],
    )
    features = dict(zip(graph.feature_names, graph.apply(batch).T.tolist(), strict=True))
    assert features["exp"] == pytest.approx([np.e, np.exp(0.5)])
    assert features["n"] == [-5, 0]
    assert features["text_length"] == [3, 0]


@pytest.mark.parametrize("size", SIZES)
def test_bits_do_not_depend_on_the_batch(graph, size):
    batch = raw()
    whole = graph.apply(batch)
    parts = in_batches(graph, batch, size)
    assert parts.tobytes() == whole[: len(parts)].tobytes()


def test_without_padding_bits_would_depend_on_the_batch(path, monkeypatch):
    """The test above can fail: this is what it would see if rows were not padded."""
    monkeypatch.setattr(packets, "_ROWS_MULTIPLE", 1)
    unpadded = TransformGraph.load(path)
    batch = raw()
    assert in_batches(unpadded, batch, 1).tobytes() != unpadded.apply(batch.slice(0, 300)).tobytes()


def test_slices_of_a_batch_and_columns_in_another_order(graph):
    batch = raw(200)
    wanted = graph.apply(batch)[33:77]
    part = batch.slice(33, 44)
    assert graph.apply(part).tobytes() == wanted.tobytes()
    shuffled = pa.record_batch([part["s"], part["s"], part["n"], part["x"]], ["s", "more", "n", "x"])
    assert graph.apply(shuffled).tobytes() == wanted.tobytes()


def test_no_rows(graph):
    assert graph.apply(raw(10).slice(0, 0)).shape == (0, 6)


def test_nothing_is_traced_after_load(path, monkeypatch):
    loaded = TransformGraph.load(path)

    def refuse(*_, **__):
        raise AssertionError("traced again")

    monkeypatch.setattr(func_graph, "func_graph_from_py_func", refuse)
    for size in (1, 5, 16, 100):
        loaded.apply(raw(size))
    with pytest.raises(ArtifactError, match="traced again"):
        TransformGraph.load(path)


def test_loads_after_a_move_without_its_source(path, tmp_path):
    before = TransformGraph.load(path)
    copy = shutil.copytree(path, tmp_path / "first")
    moved = shutil.move(copy, tmp_path / "moved")
    after = TransformGraph.load(moved)
    assert after.fingerprint == before.fingerprint
    assert after.apply(raw(50)).tobytes() == before.apply(raw(50)).tobytes()


@pytest.mark.parametrize("value", [2**24 + 1, -(2**24) - 1, 2**40])
def test_integer_that_float32_cannot_hold_is_refused(graph, value):
    batch = pa.record_batch(
        [pa.array([1.0, 1.0], pa.float32()), pa.array([3, value], pa.int64()), pa.array(["", ""], pa.string())],
        ["x", "n", "s"],
    )
    with pytest.raises(InputError, match="feature 'n' has an integer beyond 2"):
        graph.apply(batch)


def test_largest_exact_integers_pass(graph):
    batch = pa.record_batch(
        [pa.nulls(2, pa.float32()), pa.array([2**24, -(2**24)], pa.int64()), pa.nulls(2, pa.string())], ["x", "n", "s"]
    )
    assert graph.apply(batch)[:, graph.feature_names.index("n")].tolist() == [2**24, -(2**24)]


def test_missing_column_is_refused(graph):
    with pytest.raises(InputError, match="column 'n' is missing"):
        graph.apply(raw(5).drop_columns(["n"]))


def test_column_of_another_type_is_refused(graph):
    batch = raw(5).set_column(0, "x", pa.array([1.0] * 5, pa.float64()))
    with pytest.raises(InputError, match="column 'x' is double, the graph takes float"):
        graph.apply(batch)


def test_not_a_graph(tmp_path, path):
    with pytest.raises(ArtifactError, match="not a graph directory"):
        TransformGraph.load(tmp_path)
    copy = shutil.copytree(path, tmp_path / "graph")
    (copy / "transform_fn" / "saved_model.pb").write_bytes(b"nothing of the kind")
    with pytest.raises(ArtifactError, match="its SavedModel does not load"):
        TransformGraph.load(copy)


def test_rows_of_equal_values_get_equal_bits_wherever_they_stand(graph):
    one = raw(1)
    same = pa.RecordBatch.from_struct_array(pa.concat_arrays([one.to_struct_array()] * 37))
    features = graph.apply(same)
    assert (features.view(np.int32) == features.view(np.int32)[0]).all()


def test_what_the_machine_cannot_read_is_no_fault_of_the_graph(path):
    """It may have no descriptor left for a moment."""
    with no_file_can_be_opened(), pytest.raises(OSError, match="Too many open files"):
        TransformGraph.load(path)
    TransformGraph.load(path)
