"""Outcomes to Kafka, then the committed offsets.

Imports: kafka, kafka.groups, kafka.libraries, monitoring, process, schemas, stream.
"""
