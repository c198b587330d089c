"""Credit scoring: will this loan default? Amounts as they are and against one another, codes as yes or no."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import tensorflow as tf

from transforms.missing import fill

_NUMBERS = ("Seniority", "Time", "Age", "Expenses", "Amount", "Price")
_MAY_BE_MISSING = ("Income", "Assets", "Debt")
_CODES = {"Home": 6, "Marital": 5, "Records": 2, "Job": 4}  # 1 to this; 0 is unknown


def preprocessing_fn(inputs: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Return amounts (a missing one is NaN), how they compare, and a feature per code that is 1 where a loan has it."""
    features = {name: tf.cast(fill(inputs[name], 0), tf.float32) for name in _NUMBERS}
    for name in _MAY_BE_MISSING:
        amount = fill(inputs[name], -1)
        features[name] = tf.where(amount < 0, tf.constant(float("nan")), tf.cast(amount, tf.float32))
    features["amount_of_price"] = features["Amount"] / tf.maximum(features["Price"], 1.0)
    features["month"] = features["Amount"] / tf.maximum(features["Time"], 1.0)
    features["left"] = features["Income"] - features["Expenses"] - features["month"]
    features["left_of_month"] = features["left"] / tf.maximum(features["month"], 1.0)
    features["down_payment"] = features["Price"] - features["Amount"]
    features["debt_of_income"] = features["Debt"] / tf.maximum(features["Income"], 1.0)
    features["net_assets"] = features["Assets"] - features["Debt"]
    for name, most in _CODES.items():
        code = fill(inputs[name], 0)
        for number in range(1, most + 1):
            features[f"{name}_{number}"] = tf.cast(tf.equal(code, number), tf.int64)
    return features


def label(batch: pa.RecordBatch) -> np.ndarray:
    """Return 1 for a default, 0 for a loan that was paid back, NaN where that is not known.

    >>> label(pa.record_batch({"Status": pa.array([1, 2, 0, None])})).tolist()
    [0.0, 1.0, nan, nan]
    """
    status = np.asarray(batch.column("Status").fill_null(0))
    known = np.isin(status, (1, 2))
    return np.where(known, (status == 2).astype(np.float32), np.float32(np.nan))
