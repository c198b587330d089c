"""Raw values to columns: CSV, JSON, Avro, Arrow, tf.Example, strictly and alike. Imports: examples, schemas."""
