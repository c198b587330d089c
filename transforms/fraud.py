"""Fraud: is this card transaction fraudulent? The Fraud Detection Handbook's features, and what their ratios say."""

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
    """Return amount, time of day and week, what customer and terminal did in three windows, and how these compare.

    An amount is unusual for a customer by its ratio to the average; how many frauds a terminal had is its risk times
    its transactions.
    """
    names = [f"{name}_{days}DAY_WINDOW" for name in _WINDOWS for days in _DAYS]
    features = {name: fill(inputs[name], 0.0) for name in ("TX_AMOUNT", *names)}
    features |= {name: fill(inputs[name], 0) for name in ("TX_DURING_WEEKEND", "TX_DURING_NIGHT")}
    amount = features["TX_AMOUNT"]
    for days in _DAYS:
        transactions, average, at_terminal, risk = (features[f"{name}_{days}DAY_WINDOW"] for name in _WINDOWS)
        features[f"amount_of_average_{days}"] = amount / tf.maximum(average, 1.0)
        features[f"frauds_at_terminal_{days}"] = risk * at_terminal
        if days > 1:  # of a day there is often no other
            others = tf.maximum(average * transactions - amount, 1.0)
            features[f"amount_of_others_{days}"] = amount * tf.maximum(transactions - 1.0, 0.0) / others
    return features


def label(batch: pa.RecordBatch) -> pa.Array:
    """Return 1 for a fraud."""
    return batch.column("TX_FRAUD")
