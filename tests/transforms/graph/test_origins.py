"""Origins: what the graph says of where features come from is what happens when a column's values change."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from schemas.schema import Schema
from tests.support.small_artifacts import build_graph
from transforms.graph.graph import TransformGraph
from transforms.missing import fill

SCHEMA = """
feature { name: "amount" type: FLOAT }
feature { name: "income" type: FLOAT }
feature { name: "age" type: INT }
feature { name: "purpose" type: BYTES }
feature { name: "unused" type: INT }
"""
WANTED = {
    "age_in_turns": ("age",),
    "amount_or_age": ("age", "amount", "purpose"),
    "amount_over_income": ("amount", "income"),
    "amount_scaled": ("amount",),
    "amount_step": ("amount",),
    "as_many_ones": (),
    "income_known": ("income",),
    "purpose": ("purpose",),
    "swapped_amount": ("amount",),
    "swapped_income": ("income",),
}


@tf.function
def swapped(first, second):
    return second, first


def preprocessing_fn(inputs):
    amount, income, age = (fill(inputs[name], 0) for name in ("amount", "income", "age"))
    purpose = tft.compute_and_apply_vocabulary(fill(inputs["purpose"], ""), num_oov_buckets=1)
    swapped_income, swapped_amount = swapped(amount, income)
    once_again = tf.while_loop(lambda turn, x: turn < 3, lambda turn, x: (turn + 1, x * 2), (0, age))[1]
    return {
        "amount_scaled": tft.scale_to_z_score(amount),
        "amount_step": tft.bucketize(amount, 4),
        "amount_over_income": amount / tf.maximum(income, 1.0),
        "amount_or_age": tf.cond(tf.reduce_any(purpose > 2), lambda: amount, lambda: tf.cast(age, tf.float32)),
        "income_known": fill(tf.sparse.map_values(tf.ones_like, inputs["income"]), 0),
        "purpose": purpose,
        "swapped_amount": swapped_amount,
        "swapped_income": swapped_income,
        "age_in_turns": once_again,
        "as_many_ones": tf.ones_like(amount) + tf.zeros([inputs["unused"].dense_shape[0]]),
    }


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(7)
    known = random.random(64) < 0.8
    return pa.record_batch(
        {
            "amount": pa.array(random.uniform(1, 100, 64).astype(np.float32)),
            "income": pa.array(random.uniform(1, 100, 64).astype(np.float32), mask=~known),
            "age": pa.array(random.integers(18, 80, 64)),
            "purpose": pa.array(random.choice(["car", "home", "study"], 64)),
            "unused": pa.array(random.integers(0, 9, 64)),
        }
    )


@pytest.fixture(scope="module")
def graph(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graph") / "graph"
    return TransformGraph.load(build_graph(preprocessing_fn, Schema.from_text(SCHEMA), [rows], folder))


def test_a_feature_names_the_columns_that_it_comes_from(graph):
    assert dict(zip(graph.feature_names, graph.feature_columns, strict=True)) == WANTED


def changing(graph, rows):
    """The columns, by feature, whose change by hand changes the feature: other values, or none at all."""
    found: dict[str, set[str]] = {name: set() for name in graph.feature_names}
    before = graph.apply(rows).view(np.int32)
    for place, column in enumerate(rows.schema):
        values = rows.column(place)
        others = [pc.take(values, pa.array(np.roll(np.arange(len(rows)), shift))) for shift in (1, 7)]
        others += [pa.nulls(len(rows), column.type), values.fill_null("car" if column.type == pa.string() else 1)]
        for other in others:
            after = graph.apply(rows.set_column(place, column, other)).view(np.int32)
            for at in np.flatnonzero((before != after).any(axis=0)):
                found[graph.feature_names[at]].add(column.name)
    return found


def test_no_other_column_changes_a_feature_and_each_of_its_own_does(graph, rows):
    found = changing(graph, rows)
    possible = {"amount_or_age": {"age", "purpose"}}  # the other branch is taken where words are missing
    assert found == {name: possible.get(name, set(columns)) for name, columns in WANTED.items()}


def test_taxi(taxi_graph, trips):
    graph = TransformGraph.load(taxi_graph)
    found = changing(graph, trips.slice(0, 1000).select(graph.input_names))
    assert {name: (column,) for name, (column,) in found.items()} == dict(
        zip(graph.feature_names, graph.feature_columns, strict=True)
    )
