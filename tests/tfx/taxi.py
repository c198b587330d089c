"""TFX's taxi example as a use case of ours: its preprocessing, of the same inputs under the same names."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft

from transforms.missing import fill

SCALED = ("trip_miles", "fare", "trip_seconds")
VOCABULARIES = ("payment_type", "company")
BUCKETED = ("pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude")
AS_THEY_ARE = (
    "trip_start_hour",
    "trip_start_day",
    "trip_start_month",
    "pickup_community_area",
    "dropoff_community_area",
)
TRACTS = ("pickup_census_tract", "dropoff_census_tract")
_BUCKETS = 10
_MOST_TERMS, _UNKNOWN_TERMS = 1000, 10
_BIG_TIP = np.float32(0.2)


def preprocessing_fn(inputs: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Return TFX's features under its names, but for the tracts: float32 does not hold a number of eleven digits."""
    features = {}
    for name in SCALED:
        features[f"{name}_xf"] = tft.scale_to_z_score(tf.cast(fill(inputs[name], 0), tf.float32))
    for name in VOCABULARIES:
        features[f"{name}_xf"] = tft.compute_and_apply_vocabulary(
            fill(inputs[name], ""), top_k=_MOST_TERMS, num_oov_buckets=_UNKNOWN_TERMS, vocab_filename=name
        )
    for name in BUCKETED:
        features[f"{name}_xf"] = tft.bucketize(fill(inputs[name], 0.0), _BUCKETS)
    for name in AS_THEY_ARE:
        features[f"{name}_xf"] = fill(inputs[name], 0)
    return features


def label(batch: pa.RecordBatch) -> np.ndarray:
    """Return 1 if the tip is over 20 % of the fare, as TFX counts it."""
    fare, tips = (np.asarray(batch.column(name).fill_null(0)) for name in ("fare", "tips"))
    return (tips > fare * _BIG_TIP).astype(np.float32)
