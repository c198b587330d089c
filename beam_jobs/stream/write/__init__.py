"""Outcomes to Kafka, then the committed offsets.

Imports: kafka, kafka.clients, kafka.groups, monitoring, process, schemas, stream.
"""
