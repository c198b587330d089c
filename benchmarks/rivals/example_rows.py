"""Shards of `tf.train.Example` as people write them by hand: row by row, not compressed."""

import pathlib
from collections.abc import Sequence

import numpy as np

_ROWS_PER_SHARD = 250_000


def write_shards(
    output: pathlib.Path, split: str, names: Sequence[str], floats: int, features: np.ndarray, label: np.ndarray
) -> None:
    """Write the rows of a split: features [rows, names], of which the first `floats` are floats, and labels [rows]."""
    import tensorflow as tf

    for shard, start in enumerate(range(0, len(features), _ROWS_PER_SHARD)):
        with tf.io.TFRecordWriter(str(output / f"{split}-{shard:05}.tfrecord")) as writer:
            rows = slice(start, start + _ROWS_PER_SHARD)
            for row, answer in zip(features[rows], label[rows], strict=True):
                entries = {"label": tf.train.Feature(float_list=tf.train.FloatList(value=[answer]))}
                for at, value in enumerate(row):
                    if at < floats:
                        entries[names[at]] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
                    else:
                        entries[names[at]] = tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
                example = tf.train.Example(features=tf.train.Features(feature=entries))
                writer.write(example.SerializeToString())
