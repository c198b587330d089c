"""MovieLens: how many stars will this user give this movie? Genres counted each, user and movie by their activity."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft

from transforms.many_valued import count, word_ids
from transforms.missing import fill

_MOVIES = 5_000
_YEAR = r".*\((\d{4})\)\s*"


def preprocessing_fn(inputs: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor | tf.SparseTensor]:
    """Return ids, ranks (0 rates, or is rated, most often), times, and a count for every genre."""
    user, movie, seconds = (fill(inputs[name], 0) for name in ("userId", "movieId", "timestamp"))
    year = _year(fill(inputs["title"], ""))
    return {
        "user": user,
        "movie": movie,
        "user_rank": tft.compute_and_apply_vocabulary(tf.strings.as_string(user), num_oov_buckets=1),
        "movie_rank": tft.compute_and_apply_vocabulary(tf.strings.as_string(movie), top_k=_MOVIES, num_oov_buckets=1),
        "days": seconds // 86_400,
        "year": year,
        "age": tf.where(year > 0, 1970 + seconds // 31_557_600 - year, -1),
        "genre_count": count(inputs["genres"]),
        "genre": word_ids(inputs["genres"], "genre"),
    }


def label(batch: pa.RecordBatch) -> np.ndarray:
    """Return the number of the class, 0 for a star or half a one, to 4 for five stars or four and a half.

    >>> label(pa.record_batch({"rating": pa.array([0.5, 1.0, 3.5, 5.0, None], pa.float32())})).tolist()
    [0.0, 0.0, 3.0, 4.0, nan]
    """
    return np.ceil(batch.column("rating").to_numpy(zero_copy_only=False)) - 1


def _year(title: tf.Tensor) -> tf.Tensor:
    """Return the year that stands behind a title, 0 where none does."""
    year = tf.strings.regex_replace(title, _YEAR, r"\1")
    return tf.strings.to_number(tf.where(tf.strings.regex_full_match(title, _YEAR), year, "0"), tf.int64)
