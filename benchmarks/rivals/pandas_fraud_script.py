"""A training set of card transactions as people write one by hand: pandas, scikit-learn, `tf.train.Example`.

    python -m benchmarks.rivals.pandas_fraud_script DATA.parquet OUTPUT_DIRECTORY

It has all rows in memory, splits them at random, scales the 15 features with a `StandardScaler` fitted on train, and
writes examples row by row, not compressed, as all ways here. It does less than ours: no validation, no rejected rows,
no statistics, and nothing that a stream could apply. Prints one JSON line: rows and seconds from the reading of the
file to the last shard, without imports.
"""

import json
import pathlib
import sys
import time

from benchmarks.rivals.example_rows import write_shards

_WINDOWS = ("CUSTOMER_ID_NB_TX", "CUSTOMER_ID_AVG_AMOUNT", "TERMINAL_ID_NB_TX", "TERMINAL_ID_RISK")
_FEATURES = [
    *("TX_AMOUNT", "TX_DURING_WEEKEND", "TX_DURING_NIGHT"),
    *(f"{name}_{days}DAY_WINDOW" for name in _WINDOWS for days in (1, 7, 30)),
]


def main() -> None:
    """Run once on the file and directory of the command line."""
    data, output = sys.argv[1], pathlib.Path(sys.argv[2])
    import pandas as pd
    import tensorflow  # noqa: F401  # before the clock, as in all ways here
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    started, cpu_started = time.perf_counter(), time.process_time()
    frame = pd.read_parquet(data)
    frame[_FEATURES] = frame[_FEATURES].fillna(0)
    train, rest = train_test_split(frame, test_size=0.2, random_state=0)
    parts = {"train": train, "eval": rest.iloc[::2], "test": rest.iloc[1::2]}
    scaler = StandardScaler().fit(train[_FEATURES])
    for name, part in parts.items():
        features, label = scaler.transform(part[_FEATURES]), part["TX_FRAUD"].to_numpy("float32")
        write_shards(output, name, _FEATURES, len(_FEATURES), features, label)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print(json.dumps({"rows": len(frame), "seconds": seconds, "cpu_seconds": cpu_seconds}))


if __name__ == "__main__":
    main()
