"""Columns of several values inside the graph: lists of words or numbers to ids, to counts, to one number per row.

What these return for a row does not depend on the rows beside it, to the last bit. All take the column as a
preprocessing_fn gets it; one of a single value is a list of one.
"""

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import schema_inference

UNSEEN = 1
"""Buckets of words that are not in a vocabulary: all are one."""
_NO_WORD = r"[^\p{L}\p{N}]+"


def word_ids(column: tf.SparseTensor, name: str, top_k: int | None = None) -> tf.SparseTensor:
    """Return the ids of a column's values in a vocabulary of the train split, the most frequent is 0.

    Return it under the same `name`: then the model's matrix has a column for each word, `genre/Comedy`, which counts
    how often a row has it, and `genre/(unseen)` for all that training has not seen; `top_k` keeps the most frequent
    words. The training set has the ids themselves, in their order.
    """
    return tft.compute_and_apply_vocabulary(
        _plain(column), top_k=top_k, num_oov_buckets=UNSEEN, vocab_filename=name, name=_scope(name)
    )


def hashed_ids(column: tf.SparseTensor, buckets: int) -> tf.SparseTensor:
    """Return the ids, below `buckets`, that a hash gives to a column's values: no vocabulary, so nothing is unseen."""
    values = column.values if column.dtype == tf.string else tf.strings.as_string(column.values)
    ids = tf.strings.to_hash_bucket_fast(values, buckets)
    schema_inference.set_tensor_schema_override(ids, tf.constant(0, tf.int64), tf.constant(buckets - 1, tf.int64))
    return tf.SparseTensor(column.indices, ids, column.dense_shape)


def bag_of_words(column: tf.SparseTensor, name: str, size: int) -> tf.Tensor:
    """Return how often a row has each word: float32 [rows, size + 1], a vector to go on computing with.

    The words are the `size` most frequent of the train split. The column behind them counts all others; if there are
    fewer words than `size`, the last columns are always 0. Where nothing is computed with it, `word_ids` gives the
    same without columns for words that are not there.
    """
    ids = word_ids(column, name, size)
    rows = ids.dense_shape[0]
    flat = ids.indices[:, 0] * (size + UNSEEN) + ids.values
    counts = tf.math.unsorted_segment_sum(tf.ones_like(flat, tf.float32), flat, rows * (size + UNSEEN))
    return tf.ensure_shape(tf.reshape(counts, tf.stack([rows, size + UNSEEN])), [None, size + UNSEEN])


def one_hot(column: tf.SparseTensor, name: str, size: int) -> tf.Tensor:
    """Return which words a row has, 1 or 0: float32 [rows, size + 1], laid out as those of `bag_of_words`."""
    return tf.minimum(bag_of_words(column, name, size), 1.0)


def words(column: tf.SparseTensor) -> tf.SparseTensor:
    """Return the words of a column of text, in small letters, as a column of several values.

    >>> text = tf.SparseTensor([[1, 0]], ["Very good, VERY!"], [2, 1])
    >>> tf.sparse.to_dense(words(text)).numpy().tolist()
    [[b'', b'', b''], [b'very', b'good', b'very']]
    """
    lower = tf.strings.lower(column.values, encoding="utf-8")
    parts = tf.strings.split(tf.strings.strip(tf.strings.regex_replace(lower, _NO_WORD, " ")))
    place = tf.range(tf.size(parts.values, tf.int64)) - tf.gather(parts.row_starts(), parts.value_rowids())
    where = tf.stack([tf.gather(column.indices[:, 0], parts.value_rowids()), place], axis=1)
    shape = tf.stack([column.dense_shape[0], tf.cast(parts.bounding_shape(1), tf.int64)])
    return tf.SparseTensor(where, parts.values, shape)


def count(column: tf.SparseTensor) -> tf.Tensor:
    """Return how many values a row has: int64 [rows].

    >>> count(tf.sparse.from_dense([[4.0, 3.0], [2.0, 0.0]])).numpy().tolist()
    [2, 1]
    """
    ones = tf.ones_like(column.indices[:, 0])
    return tf.math.unsorted_segment_sum(ones, column.indices[:, 0], column.dense_shape[0])


def total(column: tf.SparseTensor) -> tf.Tensor:
    """Return the sum of a row's values, 0 where it has none: [rows]."""
    return tf.math.unsorted_segment_sum(column.values, column.indices[:, 0], column.dense_shape[0])


def mean(column: tf.SparseTensor, default: float) -> tf.Tensor:
    """Return the mean of a row's values, `default` where it has none: float32 [rows].

    >>> mean(tf.sparse.from_dense([[4.0, 3.0], [0.0, 0.0]]), -1.0).numpy().tolist()
    [3.5, -1.0]
    """
    number = tf.cast(count(column), tf.float32)
    found = tf.cast(total(column), tf.float32) / tf.maximum(number, 1.0)
    return tf.where(number > 0, found, tf.constant(default, tf.float32))


def largest(column: tf.SparseTensor, default: float | int) -> tf.Tensor:
    """Return the largest of a row's values, `default` where it has none: [rows]."""
    found = tf.math.unsorted_segment_max(column.values, column.indices[:, 0], column.dense_shape[0])
    return tf.where(count(column) > 0, found, tf.constant(default, column.dtype))


def smallest(column: tf.SparseTensor, default: float | int) -> tf.Tensor:
    """Return the smallest of a row's values, `default` where it has none: [rows]."""
    found = tf.math.unsorted_segment_min(column.values, column.indices[:, 0], column.dense_shape[0])
    return tf.where(count(column) > 0, found, tf.constant(default, column.dtype))


def _plain(column: tf.SparseTensor) -> tf.SparseTensor:
    return tf.SparseTensor(column.indices, column.values, column.dense_shape)


def _scope(name: str) -> str:
    """Return a name that TensorFlow takes for a scope."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in f"words_of_{name}")
