"""What travels in the stream: events, outcomes, rejected records.

Imports: kafka, kafka.clients, kafka.kafka_python, kafka.topics, monitoring, schemas, transforms.
"""
