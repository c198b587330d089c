"""Taxi: will this Chicago taxi trip be tipped more than 20 % of its fare? Features like those of TFX's own example."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft

from transforms.missing import fill

WINDOWS: tuple[()] = ()

_SCALED = ("trip_miles", "fare", "trip_seconds")
_VOCABULARIES = ("payment_type", "company")
_BUCKETED = ("pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude")
_TRACTS = ("pickup_census_tract", "dropoff_census_tract")
_AS_THEY_ARE = (
    "trip_start_hour",
    "trip_start_day",
    "trip_start_month",
    "pickup_community_area",
    "dropoff_community_area",
)
_VOCABULARY_SIZE = 1000
_OUT_OF_VOCABULARY_BUCKETS = 10
_LATITUDE_LONGITUDE_BUCKETS = 10
_BIG_TIP = np.float32(0.2)


def preprocessing_fn(inputs: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Return the features: z-scores, vocabulary ids, quantile buckets, and calendar and area numbers as they are.

    A missing number is 0, a missing string is empty and so falls into an out-of-vocabulary bucket, as in TFX.
    """
    features = {}
    for name in _SCALED:
        features[name] = tft.scale_to_z_score(tf.cast(fill(inputs[name], 0), tf.float32))
    for name in _VOCABULARIES:
        features[name] = _vocabulary_id(fill(inputs[name], ""), name)
    for name in _BUCKETED:
        features[name] = tft.bucketize(fill(inputs[name], 0.0), _LATITUDE_LONGITUDE_BUCKETS)
    for name in _TRACTS:
        # A tract is a name written in digits (17031839100): float32 cannot hold it, and its size means nothing.
        features[name] = _vocabulary_id(tf.strings.as_string(fill(inputs[name], 0)), name)
    for name in _AS_THEY_ARE:
        features[name] = fill(inputs[name], 0)
    return features


def label(batch: pa.RecordBatch) -> np.ndarray:
    """Return 1 if the tip is over 20 % of the fare, in float32 as TFX counts it; NaN if either is missing.

    >>> trips = pa.record_batch({"tips": pa.array([3.0, 1.0, None], pa.float32()),
    ...                          "fare": pa.array([10.0, 10.0, 10.0], pa.float32())})
    >>> label(trips).tolist()
    [1.0, 0.0, nan]
    """
    tips = batch.column("tips").to_numpy(zero_copy_only=False)
    fare = batch.column("fare").to_numpy(zero_copy_only=False)
    big = (tips > fare * _BIG_TIP).astype(np.float32)
    return np.where(np.isnan(tips) | np.isnan(fare), np.float32(np.nan), big)


def _vocabulary_id(values: tf.Tensor, name: str) -> tf.Tensor:
    return tft.compute_and_apply_vocabulary(
        values, top_k=_VOCABULARY_SIZE, num_oov_buckets=_OUT_OF_VOCABULARY_BUCKETS, vocab_filename=name
    )
