"""Bytes to columns: CSV, JSON and Avro, strictly and alike. Imports: schemas."""
