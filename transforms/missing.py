"""Missing values inside the graph: from the sparse column of a raw input to one dense value, or a vector, per row."""

import tensorflow as tf


class ManyValued(tf.SparseTensor):
    """A column of several values, [rows, longest]; `size` is how many, None where that is not always the same."""

    size: int | None = None


def many_valued(column: tf.SparseTensor, size: int | None) -> ManyValued:
    """Return a column as one of several values, of the static shape [rows, size] where `size` is known."""
    shape = column.dense_shape if size is None else tf.stack([column.dense_shape[0], tf.constant(size, tf.int64)])
    made = ManyValued(column.indices, column.values, shape)
    made.size = size
    return made


def fill(column: tf.SparseTensor, default: float | int | str, size: int | None = None) -> tf.Tensor:
    """Return the column as a dense tensor of shape [rows], `default` if the record has no value.

    A vector, whose schema says how many values it has, becomes [rows, n]. `size` makes a list such a vector: its
    first so many values, and `default` for those that it has not.

    Do arithmetic on the filled column, never on `column.values`: how many values there are depends on the batch,
    and the vector kernels of log, exp and others give other last bits at another length.

    >>> column = tf.SparseTensor(indices=[[1, 0]], values=[2.5], dense_shape=[3, 1])
    >>> fill(column, 0.0).numpy().tolist()
    [0.0, 2.5, 0.0]
    >>> ratings = tf.sparse.from_dense([[4.0, 3.0, 5.0], [2.0, 0.0, 0.0]])
    >>> fill(ratings, 0.0, size=2).numpy().tolist()
    [[4.0, 3.0], [2.0, 0.0]]
    """
    wanted = size
    if wanted is None and isinstance(column, ManyValued):
        wanted = column.size
        if wanted is None:
            raise TypeError(
                "fill() of a column of lists: say how many values to keep with size, or count them by "
                "transforms.many_valued"
            )
    if wanted is None:
        rows = tf.SparseTensor(column.indices, column.values, [column.dense_shape[0], 1])
        return tf.reshape(tf.sparse.to_dense(rows, tf.constant(default, column.dtype)), [-1])
    kept = tf.sparse.retain(column, column.indices[:, 1] < wanted) if size is not None else column
    rows = tf.SparseTensor(kept.indices, kept.values, [column.dense_shape[0], wanted])
    return tf.ensure_shape(tf.sparse.to_dense(rows, tf.constant(default, column.dtype)), [None, wanted])
