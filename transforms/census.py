"""Census: does this person earn more than 50,000 dollars a year? Numbers as they are, words by rank."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
import tensorflow_transform as tft

from transforms.missing import fill

# `fnlwgt` is how many people of the census a row stands for, `education` is `education-num` in words: neither is used.
_NUMBERS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
_WORDS = ("workclass", "marital-status", "occupation", "relationship", "race", "sex", "native-country")


def preprocessing_fn(inputs: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Return the features: five numbers, seven vocabulary ids; an unknown word is one of its own."""
    features = {name: fill(inputs[name], 0) for name in _NUMBERS}
    for name in _WORDS:
        features[name] = tft.compute_and_apply_vocabulary(fill(inputs[name], ""), num_oov_buckets=1)
    return features


def label(batch: pa.RecordBatch) -> np.ndarray:
    """Return 1 for more than 50,000 dollars, 0 for less, NaN for neither.

    >>> label(pa.record_batch({"income": pa.array([">50K", "<=50K.", None, "many"])})).tolist()
    [1.0, 0.0, nan, nan]
    """
    income = batch.column("income")
    more = pc.is_in(income, value_set=pa.array([">50K", ">50K."]))
    less = pc.is_in(income, value_set=pa.array(["<=50K", "<=50K."]))
    known = np.where(np.asarray(less), np.float32(0), np.float32(np.nan))
    return np.where(np.asarray(more), np.float32(1), known)
