"""Kafka and Flink on this machine. Imports: process, runners.flink, schemas."""
