"""Analysis: the same data gives the same bytes; outputs that cannot be a feature are refused."""

import hashlib
import pathlib

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from schemas.errors import InputError
from schemas.schema import Schema
from tests.support.first_at_once import first_at_once
from tests.support.small_artifacts import build_graph
from transforms.graph.analysis import columns_as_lists, graph_fingerprint, remove_temporary
from transforms.graph.graph import TransformGraph
from transforms.missing import fill

SCHEMA = Schema.from_text('feature { name: "fare" type: FLOAT } feature { name: "company" type: BYTES }')


def preprocessing_fn(inputs):
    fare = fill(inputs["fare"], 0.0)
    return {
        "company": tft.compute_and_apply_vocabulary(fill(inputs["company"], ""), num_oov_buckets=2),
        "fare": tft.scale_to_z_score(fare),
        "fare_bucket": tf.reshape(tft.bucketize(fare, 3), [-1, 1]),
        "is_free": tf.equal(fare, 0.0),
    }


def batches(companies=("a", "b", "b", None)) -> list[pa.RecordBatch]:
    fares = pa.array(np.arange(40, dtype=np.float32), mask=np.arange(40) == 5)
    batch = pa.record_batch([fares, pa.array(list(companies) * 10, pa.string())], ["fare", "company"])
    return [batch.slice(start, 10) for start in range(0, 40, 10)]


def files(path: pathlib.Path) -> dict[str, str]:
    found = (file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in found}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> pathlib.Path:
    return build_graph(preprocessing_fn, SCHEMA, batches(), tmp_path_factory.mktemp("one") / "graph")


def test_twice_the_same_bytes(built, tmp_path):
    """In another directory and later in the same process, where every counter of TensorFlow has moved on."""
    again = build_graph(preprocessing_fn, SCHEMA, batches(), tmp_path / "somewhere_else" / "graph")
    assert files(again) == files(built)
    assert graph_fingerprint(again) == graph_fingerprint(built)


def test_an_empty_vocabulary_holds_the_same_word_in_every_build(tmp_path):
    """TensorFlow wants a word in every table; that of tf.Transform looks random, and is a constant of its code."""

    def vocabularies(inputs):
        words = {"all": None, "first": 5}
        company = tf.sparse.to_dense(inputs["company"], default_value="")
        return {
            name: tft.compute_and_apply_vocabulary(
                tf.sparse.from_dense(company), top_k=top_k, vocab_filename=name, num_oov_buckets=1
            )
            for name, top_k in words.items()
        }

    graph = build_graph(vocabularies, SCHEMA, batches((None, None, None, None)), tmp_path / "graph")
    written = {file.read_bytes() for file in (graph / "transform_fn" / "assets").iterdir()}
    assert written == {b"49d0cd50-04bb-48c0-bc6f-5b575dce351a\n"}


@pytest.mark.parametrize(
    "name", first_at_once(["both \"'", "a 'quote'", "new\nline", "Ünïcode", "long" * 50 + "/" + "er" * 100, "link"])
)
def test_the_path_leaves_nothing_in_the_bytes(built, tmp_path, name):
    if name == "link":
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
    again = build_graph(preprocessing_fn, SCHEMA, batches(), tmp_path / name / "graph")
    assert files(again) == files(built)
    row = pa.record_batch([pa.array([0.0] * 2, pa.float32()), pa.array(["b", "a"])], ["fare", "company"])
    assert TransformGraph.load(again).apply(row)[:, 0].tolist() == [0, 1]


def test_other_data_is_another_graph_and_both_load_in_one_process(built, tmp_path):
    """Lookup tables have the same names in both graphs; neither must see the other's vocabulary."""
    other = build_graph(preprocessing_fn, SCHEMA, batches(("a", "a", "b", None)), tmp_path / "graph")
    assert graph_fingerprint(other) != graph_fingerprint(built)
    row = pa.record_batch([pa.array([0.0] * 2, pa.float32()), pa.array(["a", "b"])], ["fare", "company"])
    ids = [TransformGraph.load(path).apply(row)[:, 0].tolist() for path in (built, other, built)]
    assert ids == [[1, 0], [0, 1], [1, 0]]


def test_values_and_kinds(built):
    graph = TransformGraph.load(built)
    assert dict(zip(graph.feature_names, graph.feature_kinds, strict=True)) == {
        "company": "int",
        "fare": "float",
        "fare_bucket": "int",
        "is_free": "int",
    }
    whole = graph.apply(pa.Table.from_batches(batches()).combine_chunks().to_batches()[0])
    fares = np.where(np.arange(40) == 5, 0, np.arange(40)).astype(np.float64)
    assert whole[:, 1] == pytest.approx((fares - fares.mean()) / fares.std(), abs=1e-6)
    assert whole[:, 3].tolist() == (fares == 0).tolist()


def test_fingerprint_leaves_the_random_file_out(built, tmp_path):
    before = graph_fingerprint(built)
    assert not list(built.rglob("fingerprint.pb"))
    (built / "transform_fn" / "fingerprint.pb").write_bytes(b"random")
    try:
        assert graph_fingerprint(built) == before
    finally:
        (built / "transform_fn" / "fingerprint.pb").unlink()


def test_a_stock_reader_takes_the_directory(built):
    output = tft.TFTransformOutput(str(built))
    assert set(output.transformed_feature_spec()) == {"company", "fare", "fare_bucket", "is_free"}


def test_refusal_comes_when_the_pipeline_is_built(tmp_path):
    with pytest.raises(InputError, match=r"output 'pair' has shape \(None, None\)"):
        build_graph(
            lambda inputs: {"pair": tf.sparse.to_dense(inputs["fare"])},
            SCHEMA,
            batches(),
            tmp_path / "graph",
        )
    assert not (tmp_path / "graph").exists()


def test_columns_as_lists_keep_missing_apart_from_empty():
    batch = pa.record_batch(
        [pa.array([1.5, None], pa.float32()), pa.array(["", None], pa.string())], ["fare", "company"]
    )
    lists = columns_as_lists(batch.slice(0, 2), SCHEMA)
    assert lists.to_pydict() == {"fare": [[1.5], []], "company": [[b""], []]}
    assert columns_as_lists(batch.slice(1, 1), SCHEMA).to_pydict() == {"fare": [[]], "company": [[]]}


def test_temporary_files_that_cannot_be_removed_are_a_warning(tmp_path, caplog):
    def fails() -> None:
        try:
            raise InputError("why the analysis failed")
        finally:
            remove_temporary("odd://bucket/temp")

    with pytest.raises(InputError, match="why the analysis failed"):
        fails()
    assert [record.getMessage() for record in caplog.records] == [
        "odd://bucket/temp: cannot be removed: UnimplementedError; remove it"
    ]
    (tmp_path / "temp/of/tensorflow").mkdir(parents=True)
    remove_temporary(str(tmp_path / "temp"))
    assert list(tmp_path.iterdir()) == []
