"""Kafka to batches of events.

Imports: cli, kafka, kafka.clients, kafka.groups, kafka.kafka_python, monitoring, process, runners.flink, schemas,
stream.
"""
