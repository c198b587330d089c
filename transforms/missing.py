"""Missing values inside the graph: from the sparse column of a raw input to one dense value per row."""

import tensorflow as tf


def fill(column: tf.SparseTensor, default: float | int | str) -> tf.Tensor:
    """Return the column as a dense tensor of shape [rows], `default` if the record has no value.

    Do arithmetic on the filled column, never on `column.values`: how many values there are depends on the batch,
    and the vector kernels of log, exp and others give other last bits at another length.

    >>> column = tf.SparseTensor(indices=[[1, 0]], values=[2.5], dense_shape=[3, 1])
    >>> fill(column, 0.0).numpy().tolist()
    [0.0, 2.5, 0.0]
    """
    rows = tf.SparseTensor(column.indices, column.values, [column.dense_shape[0], 1])
    return tf.reshape(tf.sparse.to_dense(rows, tf.constant(default, column.dtype)), [-1])
