"""Features as tf.train.Example in TFRecord shards, and back. Imports: graph, schemas."""
