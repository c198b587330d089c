"""Columns of several values and outputs of several columns: the same bits whatever the batch, named by their words."""

import json
import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from schemas.errors import ArtifactError, InputError
from schemas.schema import Schema
from tests.support.small_artifacts import build_graph
from transforms import many_valued
from transforms.examples.example_values import example_values
from transforms.examples.examples import ExampleDecoder, ExampleEncoder
from transforms.graph import wide_outputs
from transforms.graph.analysis import columns_as_lists
from transforms.graph.graph import FEATURES, TransformGraph
from transforms.graph.preprocessing import check_preprocessing
from transforms.missing import fill

SIZES = (1, 3, 7, 16, 100, 1000, 4096)
SCHEMA = Schema.from_text(
    """
    feature { name: "genres" type: BYTES value_count { min: 1 } }
    feature { name: "position" type: FLOAT shape { dim { size: 3 } } }
    feature { name: "fare" type: FLOAT }
    feature { name: "tags" type: INT value_count { max: 6 } }
    feature { name: "prices" type: FLOAT value_count { min: 1 } }
    feature { name: "remark" type: BYTES }
    feature { name: "day" type: INT }
    """
)


def preprocessing_fn(inputs):
    position = fill(inputs["position"], 0.5)
    bag = many_valued.bag_of_words(many_valued.words(inputs["remark"]), "remark", 5)
    return {
        "bag": bag / tf.maximum(tf.reduce_sum(bag, 1, keepdims=True), 1.0),
        "bucket": tft.bucketize(inputs["prices"], 4),
        "day": tft.scale_to_0_1(fill(inputs["day"], 0)),
        "embedding": tf.sin(tf.matmul(position, tf.constant([[0.1, 0.7], [1.3, 0.2], [0.5, 0.9]]))),
        "fare": tf.math.log1p(fill(inputs["fare"], 0.0)),
        "first": fill(inputs["tags"], -1, size=2),
        "genres": many_valued.word_ids(inputs["genres"], "genres"),
        "hashed": tf.RaggedTensor.from_sparse(many_valued.hashed_ids(inputs["tags"], 3)),
        "position": tf.exp(position),
        "price": many_valued.mean(inputs["prices"], -1.0),
        "prices": tf.sqrt(many_valued.total(inputs["prices"])),
        "range": many_valued.largest(inputs["prices"], 0.0) - many_valued.smallest(inputs["prices"], 0.0),
        "remark": many_valued.one_hot(many_valued.words(inputs["remark"]), "remark", 5),
        "tags": tft.compute_and_apply_vocabulary(inputs["tags"], default_value=-1, top_k=3, vocab_filename="tags"),
    }


WORDS = ("Comedy", "Drama", "Crime: noir", "été")


def raw(rows: int) -> pa.RecordBatch:
    random = np.random.default_rng(5)

    def lists(draw, least, most):
        return [None if random.random() < 0.1 else draw(int(random.integers(least, most + 1))) for _ in range(rows)]

    columns = [
        lists(lambda size: [WORDS[random.integers(4)] for _ in range(size)], 1, 5),
        lists(lambda size: [float(random.normal()) for _ in range(size)], 3, 3),
        random.uniform(0, 50, rows).tolist(),
        lists(lambda size: random.integers(0, 9, size).tolist(), 1, 6),
        lists(lambda size: [float(random.lognormal()) for _ in range(size)], 1, 40),
        [("Very good", "bad, BAD!", "", None)[at] for at in random.integers(0, 4, rows)],
        random.integers(18000, 20000, rows).tolist(),
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA.arrow_schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA.arrow_schema)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> pathlib.Path:
    check_preprocessing(preprocessing_fn, SCHEMA, "transforms/c.py")
    return build_graph(preprocessing_fn, SCHEMA, [raw(300)], tmp_path_factory.mktemp("several") / "graph")


@pytest.fixture(scope="module")
def graph(path) -> TransformGraph:
    return TransformGraph.load(path)


def columns_of(graph: TransformGraph, output: str) -> list[str]:
    (found,) = (one for one in graph.wide_outputs if one.name == output)
    return list(graph.feature_names[found.columns])


def test_columns_have_the_names_of_words(graph):
    assert set(columns_of(graph, "genres")) == {"genres/(unseen)", *(f"genres/{word}" for word in WORDS)}
    assert columns_of(graph, "genres")[-1] == "genres/(unseen)"
    assert columns_of(graph, "remark") == [
        f"remark/{word}" for word in ("bad", "very", "good", "(unseen)", "(4)", "(5)")
    ]
    assert columns_of(graph, "tags")[0] == "tags/(unseen)"
    assert len(columns_of(graph, "tags")) == 4
    assert columns_of(graph, "position") == ["position/0", "position/1", "position/2"]
    assert columns_of(graph, "bucket") == ["bucket/0", "bucket/1", "bucket/2", "bucket/3"]
    assert columns_of(graph, "bag") == [f"bag/{place}" for place in range(6)]
    assert len(graph.feature_names) == len(set(graph.feature_names)) == len(graph.feature_kinds)


def test_words_of_a_hidden_column_are_no_names(tmp_path):
    text = 'feature { name: "genres" type: BYTES value_count { min: 1 } annotation { tag: "personal:hidden" } }'

    def hiding(inputs):
        return {name: many_valued.word_ids(inputs["genres"], name) for name in ("genres", "kinds")}

    schema = Schema.from_text(text)
    made = TransformGraph.load(build_graph(hiding, schema, [raw(300).select(["genres"])], tmp_path / "graph"))
    for name in ("genres", "kinds"):
        assert columns_of(made, name) == [f"{name}/{place}" for place in range(len(WORDS) + 1)]


def test_each_column_says_which_raw_column_it_comes_from(graph):
    origins = dict(zip(graph.feature_names, graph.feature_columns, strict=True))
    assert origins["genres/Drama"] == ("genres",)
    assert origins["embedding/1"] == origins["position/2"] == ("position",)
    assert origins["hashed/0"] == origins["tags/(unseen)"] == origins["first/1"] == ("tags",)
    assert origins["price"] == ("prices",)
    assert origins["remark/bad"] == ("remark",)


def test_values(graph):
    cells = {
        "genres": [["Drama", "Comedy", "Drama", "unheard of"], None],
        "position": [[0.0, 1.0, 2.0], None],
        "fare": [0.0, None],
        "tags": [[8, 1, 1], None],
        "prices": [[1.0, 3.0, 5.0], None],
        "remark": ["bad bad unheard, very", None],
        "day": [18000, 18000],
    }
    features, ids = graph.apply_with_ids(pa.RecordBatch.from_pydict(cells, SCHEMA.arrow_schema))
    first, second = (dict(zip(graph.feature_names, row, strict=True)) for row in features.tolist())
    assert [first[f"genres/{word}"] for word in ("Drama", "Comedy", "été", "(unseen)")] == [2, 1, 0, 1]
    assert [first[f"remark/{word}"] for word in ("bad", "very", "good", "(unseen)", "(4)", "(5)")] == [1, 1, 0, 1, 0, 0]
    assert [first[f"position/{place}"] for place in range(3)] == pytest.approx(np.exp([0, 1, 2]))
    assert (first["first/0"], first["first/1"], second["first/0"]) == (8, 1, -1)
    assert (first["price"], second["price"], first["range"]) == (3.0, -1.0, 4.0)
    assert sum(first[name] for name in columns_of(graph, "hashed")) == 3
    assert not any(second[name] for output in ("genres", "tags", "hashed") for name in columns_of(graph, output))
    assert [len(lists) for lists in ids["genres"].to_pylist()] == [4, 0]
    assert ids["genres"][0].as_py()[0] == ids["genres"][0].as_py()[2]


@pytest.mark.parametrize("size", SIZES)
def test_bits_do_not_depend_on_the_batch(graph, size):
    batch = raw(4096)
    whole, lists = graph.apply_with_ids(batch)
    parts = [graph.apply_with_ids(batch.slice(start, size)) for start in range(0, min(4096, 200 * size), size)]
    together = np.concatenate([features for features, _ in parts])
    assert together.tobytes() == whole[: len(together)].tobytes()
    for name, expected in lists.items():
        found = [row for _, ids in parts for row in ids[name].to_pylist()]
        assert found == expected.to_pylist()[: len(found)]


def test_examples_have_vectors_and_lists_and_give_the_matrix_back(graph):
    features, ids = graph.apply_with_ids(raw(500))
    label = np.ones(500, np.float32)
    layout = graph.feature_names, graph.feature_kinds, (), graph.wide_outputs
    examples = ExampleEncoder(*layout).encode(features, label, ids=ids)
    decoded, got_label, *_ = ExampleDecoder(*layout).decode(examples)
    assert decoded.tobytes() == features.tobytes()
    assert got_label.tobytes() == label.tobytes()
    stored = example_values(examples[3])
    assert set(stored) == {name.partition("/")[0] for name in graph.feature_names} | {"label"}
    assert stored["genres"] == ids["genres"][3].as_py()
    assert stored["tags"] == ids["tags"][3].as_py()
    assert (
        np.array(stored["position"], np.float32).tobytes()
        == features[3, graph.feature_names.index("position/0") :][:3].tobytes()
    )


def test_examples_of_no_rows(graph):
    features, ids = graph.apply_with_ids(raw(1).slice(0, 0))
    layout = graph.feature_names, graph.feature_kinds, (), graph.wide_outputs
    assert features.shape == (0, len(graph.feature_names))
    assert ExampleEncoder(*layout).encode(features, np.empty(0, np.float32), ids=ids) == []


def test_an_example_of_another_vector_is_refused(graph):
    output = wide_outputs.WideOutput("size", "vector", 0, 2)
    examples = ExampleEncoder(["size/0", "size/1"], ["float"] * 2, (), [output]).encode(
        np.zeros((1, 2), np.float32), np.zeros(1, np.float32)
    )
    wider = wide_outputs.WideOutput("size", "vector", 0, 3)
    with pytest.raises(ArtifactError, match="'size' has not 3 values in every row"):
        ExampleDecoder([f"size/{at}" for at in range(3)], ["float"] * 3, (), [wider]).decode(examples)


def test_what_the_analysis_sees_of_lists():
    batch = raw(50).slice(7, 9)
    lists = columns_as_lists(batch, SCHEMA).to_pydict()
    cells = batch.to_pydict()
    assert lists["tags"] == [cell or [] for cell in cells["tags"]]
    assert lists["genres"] == [[word.encode() for word in cell or ()] for cell in cells["genres"]]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda inputs: {"x": fill(inputs["tags"], 0)}, "TypeError: fill() of a column of lists: say how many values"),
        (lambda inputs: {"x": inputs["tags"]}, "of int64 whose range is not known, wanted one number per row"),
        (lambda inputs: {"x": inputs["genres"]}, "output 'x' is string, wanted a number; apply a vocabulary"),
        (
            lambda inputs: {"x": tf.sparse.to_dense(inputs["tags"])},
            "output 'x' has shape (None, None), wanted one number per row",
        ),
        (
            lambda inputs: {"x": fill(inputs["position"], 0.0) - tf.reduce_mean(fill(inputs["position"], 0.0), 0)},
            "feature 'x' of a row depends on the other rows of its batch, by Mean at line",
        ),
    ],
)
def test_what_is_no_output_of_several(function, said):
    with pytest.raises(InputError) as raised:
        check_preprocessing(function, SCHEMA, "transforms/c.py")
    assert said in str(raised.value)


def test_more_columns_than_a_matrix_can_have_are_refused(tmp_path):
    with pytest.raises(InputError, match="output 'x' is 10,001 columns of the matrix, wanted at most 10,000"):
        build_graph(
            lambda inputs: {"x": many_valued.hashed_ids(inputs["tags"], 10_001)}, SCHEMA, [raw(20)], tmp_path / "graph"
        )


def test_two_columns_of_one_name_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"two columns of the matrix are called 'position/0'"):
        build_graph(
            lambda inputs: {"position": fill(inputs["position"], 0.0), "position/0": fill(inputs["fare"], 0.0)},
            SCHEMA,
            [raw(20)],
            tmp_path / "graph",
        )


def test_a_graph_whose_outputs_are_none_is_refused(path, tmp_path):
    copy = shutil.copytree(path, tmp_path / "graph")
    described = json.loads((copy / FEATURES).read_text())
    described["wide_outputs"][0]["width"] = 10_000
    (copy / FEATURES).write_text(json.dumps(described))
    with pytest.raises(ArtifactError, match="not a graph directory"):
        TransformGraph.load(copy)


def test_a_batch_of_another_type_is_refused(graph):
    batch = raw(3)
    wrong = batch.set_column(0, "genres", pa.array(["a", "b", "c"]))
    with pytest.raises(InputError, match=r"column 'genres' is string, the graph takes list<item: string>"):
        graph.apply(wrong)
