"""Values to try of a raw field: of the statistics of all rows, and of no field whose values nobody may see."""

import dataclasses
import pathlib

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from models.evaluation.field_values import by_name, of_field
from models.evaluation.importance import Features
from schemas.schema import Schema
from tests.support.present import present
from tests.support.small_artifacts import build_graph, statistics_of
from tests.transforms.graph.test_origins import SCHEMA, WANTED, graph, rows  # noqa: F401 - fixtures
from transforms.graph.graph import TransformGraph
from transforms.missing import fill


def known_of(graph: TransformGraph, personal: frozenset[str] = frozenset()) -> Features:  # noqa: F811
    return Features(graph.feature_names, graph.feature_columns, graph.wide_outputs, personal)


def test_statistics_are_those_of_all_rows_not_of_the_last_slice(rows: pa.RecordBatch) -> None:  # noqa: F811
    both = statistics_pb2.DatasetFeatureStatisticsList()
    for part in (rows, rows.slice(0, 3)):
        both.MergeFrom(statistics_of(part))
    found = by_name(both.SerializeToString())
    assert found["age"].num_stats.common_stats.num_non_missing == 64
    assert by_name(b"") == {}


def test_a_field_is_tried_by_what_the_graph_makes_of_it(graph: TransformGraph, rows: pa.RecordBatch) -> None:  # noqa: F811
    statistics = by_name(statistics_of(rows).SerializeToString())
    one = present(of_field("amount", known_of(graph), graph, statistics["amount"]))
    own = [name for name, of in WANTED.items() if of == ("amount",)]
    assert [graph.feature_names[at] for at in one.columns] == own
    assert one.said["unchanged"] == ["amount_or_age", "amount_over_income"]
    assert 10 <= len(one.said["values"]) == len(one.features) <= 20
    assert one.said["values"] == sorted(one.said["values"])
    assert one.missing is None  # no row is without
    at = own.index("swapped_amount")
    np.testing.assert_allclose(one.features[:, at], one.said["values"], rtol=1e-5)
    assert present(of_field("income", known_of(graph), graph, statistics["income"])).missing is not None
    purpose = present(of_field("purpose", known_of(graph), graph, statistics["purpose"]))
    assert set(purpose.said["values"]) == {"car", "home", "study"}
    assert abs(sum(purpose.said["shares"]) - 1) < 1e-5


def test_whole_numbers_of_a_small_range_are_tried_one_by_one(graph: TransformGraph, rows: pa.RecordBatch) -> None:  # noqa: F811
    few = rows.set_column(2, rows.schema.field("age"), pa.array(np.arange(64) % 7 + 20))
    statistics = by_name(statistics_of(few).SerializeToString())
    assert present(of_field("age", known_of(graph), graph, statistics["age"])).said["values"] == list(range(20, 27))


def test_of_some_fields_nothing_is_tried(graph: TransformGraph, rows: pa.RecordBatch) -> None:  # noqa: F811
    statistics = by_name(statistics_of(rows).SerializeToString())
    assert of_field("amount", known_of(graph, frozenset({"amount"})), graph, statistics["amount"]) is None
    assert of_field("amount", known_of(graph), graph, None) is None
    assert of_field("unused", known_of(graph), graph, statistics["unused"]) is None  # no feature is made of it
    joint = dataclasses.replace(known_of(graph), fields=(("age", "amount"),) * len(WANTED))
    assert of_field("amount", joint, graph, statistics["amount"]) is None


def test_a_graph_that_refuses_such_rows_costs_a_chart_not_the_evaluation(
    rows: pa.RecordBatch,  # noqa: F811
    tmp_path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def preprocessing_fn(inputs: dict[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
        amount = fill(inputs["amount"], 0.0)
        with tf.control_dependencies([tf.debugging.assert_positive(fill(inputs["age"], 1))]):
            return {"amount": tf.identity(amount), "age": fill(inputs["age"], 1)}

    folder = build_graph(preprocessing_fn, Schema.from_text(SCHEMA), [rows], tmp_path / "graph")
    refusing = TransformGraph.load(folder)
    old = rows.set_column(2, rows.schema.field("age"), pa.array(np.arange(64) - 3))
    statistics = by_name(statistics_of(old).SerializeToString())
    assert of_field("age", known_of(refusing), refusing, statistics["age"]) is None
    assert "nothing is told of how field 'age' moves the score: InvalidArgumentError" in caplog.text
