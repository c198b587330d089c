"""Kafka and Flink on this machine. Imports: runners.flink, schemas."""
