"""A training set as people write one by hand: pandas, scikit-learn, `tf.train.Example` row by row, for comparison.

    python -m benchmarks.rivals.pandas_script DATA.csv OUTPUT_DIRECTORY

It has all rows in memory, splits them at random, and does the taxi features with scikit-learn's transformers fitted on
train: `StandardScaler`, `KBinsDiscretizer` by quantiles, `OrdinalEncoder`. Shards are not compressed, as in all ways
here. It does less than ours: no validation, no rejected rows, no statistics, and nothing that a stream could apply.
Prints one JSON line: rows and seconds from the reading of the file to the last shard, without imports.
"""

import json
import pathlib
import sys
import time

from benchmarks.rivals.example_rows import write_shards

_SCALED = ["trip_miles", "fare", "trip_seconds"]
_WORDS = ["payment_type", "company", "pickup_census_tract", "dropoff_census_tract"]
_BUCKETED = ["pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude"]
_WHOLE = [
    *("trip_start_hour", "trip_start_day", "trip_start_month"),
    *("pickup_community_area", "dropoff_community_area"),
]


def main() -> None:
    """Run once on the file and directory of the command line."""
    data, output = sys.argv[1], pathlib.Path(sys.argv[2])
    import numpy as np
    import pandas as pd
    import tensorflow  # noqa: F401  # before the clock, as in all ways here
    from sklearn.compose import ColumnTransformer
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import KBinsDiscretizer, OrdinalEncoder, StandardScaler

    started, cpu_started = time.perf_counter(), time.process_time()
    frame = pd.read_csv(data)
    frame["label"] = (frame["tips"] > frame["fare"] * 0.2).astype("float32")
    frame[_WORDS] = frame[_WORDS].astype(str).fillna("")
    frame = frame.fillna(0)
    transformer = ColumnTransformer(
        [
            ("scaled", StandardScaler(), _SCALED),
            ("words", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), _WORDS),
            ("bucketed", KBinsDiscretizer(10, encode="ordinal", subsample=None), _BUCKETED),
            ("whole", "passthrough", _WHOLE),
        ]
    )
    train, rest = train_test_split(frame, test_size=0.3, random_state=0)
    parts = {"train": train, "eval": rest.iloc[::2], "test": rest.iloc[1::2]}
    transformer.fit(train)
    names = [*_SCALED, *_WORDS, *_BUCKETED, *_WHOLE]
    for name, part in parts.items():
        features, label = np.asarray(transformer.transform(part)), part["label"].to_numpy()
        write_shards(output, name, names, len(_SCALED), features, label)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print(json.dumps({"rows": len(frame), "seconds": seconds, "cpu_seconds": cpu_seconds}))


if __name__ == "__main__":
    main()
