"""The raw columns that a training set carries for metrics of a use case's own."""

import pyarrow as pa

from models.training.training_set import TrainingSet
from schemas.personal.treatments import Treatments
from transforms.examples.tfrecord import read_shard
from transforms.graph.wide_outputs import IDS


def read_columns(training_set: TrainingSet, split: str) -> pa.RecordBatch:
    """Return the columns of a split that a training set carries, rows in the order of `TrainingSet.load`."""
    from transforms.examples.columns import ColumnDecoder

    schema = Treatments.of_manifest(training_set.schema, training_set.manifest, str(training_set.path)).schema
    types = {name: schema[name].arrow_type for name in training_set.metric_columns}
    lists = [one for one in training_set.wide_outputs if one.form == IDS]
    decoder = ColumnDecoder(types, training_set.carried, 1 + len(training_set.slices) + len(lists))
    batches = [
        decoder.decode(records)
        for shard in training_set.manifest["shards"][split]
        for records in read_shard(training_set.path / shard["name"], training_set.manifest["compression"])
    ]
    table = pa.Table.from_batches(batches, pa.schema(list(types.items()))).combine_chunks()
    arrays = [column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in table.columns]
    return pa.RecordBatch.from_arrays(arrays, list(types))
