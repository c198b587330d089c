"""The fastest loop that one would write by hand without Beam: Arrow in, NumPy features, tfx_bsl's encoder, shards.

    python -m benchmarks.rivals.arrow_loop DATA.csv OUTPUT_DIRECTORY

Arrow reads the file twice, in batches: once to fit means, vocabularies and quantiles on the rows of train, once to
transform, encode with `RecordBatchToExamplesEncoder` and write, not compressed, as all ways here. Memory is bounded
but for the quantiles, which it takes of all values. It does less than ours: no validation, no rejected rows, no
statistics, no SavedModel that a stream could apply, and splits by row number. Prints one JSON line: rows and seconds,
without imports.
"""

import collections
import json
import pathlib
import sys
import time

_SCALED = ["trip_miles", "fare", "trip_seconds"]
_WORDS = ["payment_type", "company", "pickup_census_tract", "dropoff_census_tract"]
_BUCKETED = ["pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude"]
_WHOLE = [
    *("trip_start_hour", "trip_start_day", "trip_start_month"),
    *("pickup_community_area", "dropoff_community_area"),
]
_BLOCK_BYTES = 1 << 20
_ROWS_PER_SHARD = 250_000
_SPLITS = ("train", "eval", "test")


def main() -> None:
    """Run once on the file and directory of the command line."""
    data, output = sys.argv[1], pathlib.Path(sys.argv[2])
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv
    import tensorflow as tf
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx_bsl.public.tfxio import RecordBatchToExamplesEncoder

    types = dict.fromkeys([*_SCALED, *_BUCKETED, "tips"], pa.float32())
    types |= dict.fromkeys(_WORDS, pa.string()) | dict.fromkeys(_WHOLE, pa.int64())

    def batches():
        yield from pyarrow.csv.open_csv(
            data,
            read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES),
            convert_options=pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True),
        )

    def numbers(batch, name):
        return batch.column(name).fill_null(0).to_numpy(zero_copy_only=False)

    def split_of(rows, first):
        part = (np.arange(rows) + first) % 20
        return np.where(part < 14, 0, np.where(part < 17, 1, 2))

    started, cpu_started = time.perf_counter(), time.process_time()
    sums = np.zeros((len(_SCALED), 3))
    words: dict = {name: collections.Counter() for name in _WORDS}
    samples: dict = {name: [] for name in _BUCKETED}
    first = 0
    for batch in batches():
        train = split_of(batch.num_rows, first) == 0
        first += batch.num_rows
        for at, name in enumerate(_SCALED):
            values = numbers(batch, name)[train].astype(np.float64)
            sums[at] += len(values), values.sum(), values @ values
        for name in _WORDS:
            counted = pc.value_counts(batch.column(name).filter(pa.array(train)))
            pairs = zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)
            words[name].update(dict(pairs))
        for name in _BUCKETED:
            samples[name].append(numbers(batch, name)[train])
    mean = sums[:, 1] / sums[:, 0]
    deviation = np.sqrt(sums[:, 2] / sums[:, 0] - mean**2)
    vocabularies = {name: pa.array([word for word, _ in words[name].most_common(1000)]) for name in _WORDS}
    edges = {name: np.quantile(np.concatenate(samples[name]), np.arange(0.1, 1, 0.1)) for name in _BUCKETED}

    schema = schema_pb2.Schema()
    for name in ["label", *_SCALED]:
        schema.feature.add(name=name, type=schema_pb2.FLOAT)
    for name in [*_WORDS, *_BUCKETED, *_WHOLE]:
        schema.feature.add(name=name, type=schema_pb2.INT)
    encoder = RecordBatchToExamplesEncoder(schema)
    writers, first = {}, 0
    rows_of: collections.Counter[str] = collections.Counter()
    for batch in batches():
        columns = {"label": (numbers(batch, "tips") > numbers(batch, "fare") * np.float32(0.2)).astype(np.float32)}
        for at, name in enumerate(_SCALED):
            columns[name] = ((numbers(batch, name) - mean[at]) / deviation[at]).astype(np.float32)
        for name in _WORDS:
            ids = pc.index_in(batch.column(name), vocabularies[name])
            columns[name] = ids.fill_null(1000).cast(pa.int64()).to_numpy(zero_copy_only=False)
        for name in _BUCKETED:
            columns[name] = np.searchsorted(edges[name], numbers(batch, name), side="right").astype(np.int64)
        for name in _WHOLE:
            columns[name] = numbers(batch, name).astype(np.int64)
        split = split_of(batch.num_rows, first)
        first += batch.num_rows
        for number, name in enumerate(_SPLITS):
            own = split == number
            offsets = pa.array(np.arange(own.sum() + 1, dtype=np.int32))
            lists = {key: pa.ListArray.from_arrays(offsets, pa.array(column[own])) for key, column in columns.items()}
            examples = encoder.encode(pa.RecordBatch.from_pydict(lists))
            shard = rows_of[name] // _ROWS_PER_SHARD
            if (name, shard) not in writers:
                path = str(output / f"{name}-{shard:05}.tfrecord")
                writers[name, shard] = tf.io.TFRecordWriter(path)
            write = writers[name, shard].write
            for example in examples:
                write(example)
            rows_of[name] += len(examples)
    for writer in writers.values():
        writer.close()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print(json.dumps({"rows": first, "seconds": seconds, "cpu_seconds": cpu_seconds}))


if __name__ == "__main__":
    main()
