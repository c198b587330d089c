"""Fraud: is this card transaction fraudulent? The features of the Fraud Detection Handbook's baseline."""

from collections.abc import Mapping

import pyarrow as pa
import tensorflow as tf

from transforms.missing import fill

_DAYS = (1, 7, 30)
_WINDOWS = (
    *("CUSTOMER_ID_NB_TX", "CUSTOMER_ID_AVG_AMOUNT"),
    *("TERMINAL_ID_NB_TX", "TERMINAL_ID_RISK"),
)


def preprocessing_fn(inputs: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Return amount, time of day and week, and what customer and terminal did in three windows, as they are."""
    names = [f"{name}_{days}DAY_WINDOW" for name in _WINDOWS for days in _DAYS]
    features = {name: fill(inputs[name], 0.0) for name in ("TX_AMOUNT", *names)}
    return features | {name: fill(inputs[name], 0) for name in ("TX_DURING_WEEKEND", "TX_DURING_NIGHT")}


def label(batch: pa.RecordBatch) -> pa.Array:
    """Return 1 for a fraud."""
    return batch.column("TX_FRAUD")
