"""Filling missing values."""

import pytest
import tensorflow as tf

from transforms.missing import fill


@pytest.mark.parametrize(
    ("values", "default", "wanted"),
    [([1.5, 2.5], 0.0, [1.5, 0.0, 2.5]), ([7, -1], 0, [7, 0, -1]), (["a", ""], "?", [b"a", b"?", b""])],
)
def test_one_value_per_row(values, default, wanted):
    column = tf.SparseTensor([[0, 0], [2, 0]], values, [3, 1])
    filled = fill(column, default)
    assert filled.shape == [3]
    assert filled.numpy().tolist() == wanted


def test_all_missing_and_no_rows():
    empty = tf.SparseTensor(tf.zeros([0, 2], tf.int64), tf.zeros([0]), [2, 1])
    assert fill(empty, 3.0).numpy().tolist() == [3.0, 3.0]
    assert fill(tf.SparseTensor(tf.zeros([0, 2], tf.int64), tf.zeros([0]), [0, 1]), 3.0).shape == [0]
