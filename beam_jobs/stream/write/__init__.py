"""Outcomes to Kafka, then the committed offsets.

Imports: kafka, kafka.clients, kafka.groups, kafka.kafka_python, monitoring, process, schemas, stream.
"""
