"""Kafka to batches of events.

Imports: cli, kafka, kafka.groups, kafka.kafka_python, kafka.libraries, monitoring, process, runners.flink, schemas,
stream.
"""
