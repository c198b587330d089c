"""A split read as the stack's own parts do: tf.data takes records from shards, tfx_bsl decodes them to Arrow.

`python -m benchmarks.rivals.tf_data_shards SET SPLIT [MATRIX]` prints a line of JSON, and writes features and label to
a file if one is named. It reads what `onegraph build_training_set` wrote, checks nothing and keeps no slices.
"""

import json
import pathlib
import sys
import time


def main() -> None:
    """Read the split of the command line once."""
    folder, split = pathlib.Path(sys.argv[1]), sys.argv[2]
    import numpy as np
    import tensorflow as tf
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    manifest = json.loads((folder / "manifest.json").read_text())
    names = [*manifest["feature_names"], "label"]
    schema = schema_pb2.Schema()
    for name, kind in zip(names, [*manifest["feature_kinds"], "float"], strict=True):
        schema.feature.add(name=name, type=schema_pb2.FLOAT if kind == "float" else schema_pb2.INT)
    files = [str(folder / shard["name"]) for shard in manifest["shards"][split]]

    started, cpu_started = time.perf_counter(), time.process_time()
    decoder = ExamplesToRecordBatchDecoder(schema.SerializeToString())
    compression = {"gzip": "GZIP", "none": ""}[manifest["compression"]]
    records = tf.data.TFRecordDataset(files, compression, buffer_size=1 << 20).batch(16_384).prefetch(1)
    blocks = []
    for block in records.as_numpy_iterator():
        batch = decoder.DecodeBatch(block.tolist())
        columns = [batch.column(batch.schema.names.index(name)).flatten().to_numpy() for name in names]
        blocks.append(np.stack(columns, axis=1, dtype=np.float32, casting="unsafe"))
    matrix = np.concatenate(blocks)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    if len(sys.argv) > 3:
        np.save(sys.argv[3], matrix)
    print(json.dumps({"rows": len(matrix), "seconds": seconds, "cpu_seconds": cpu_seconds}))


if __name__ == "__main__":
    main()
