"""What travels in the stream: events, outcomes, rejected records.

Imports: kafka, kafka.clients, kafka.groups, kafka.kafka_python, kafka.topics, monitoring, process, schemas,
transforms.
"""
