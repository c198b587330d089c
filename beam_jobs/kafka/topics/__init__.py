"""Topics: what they must be like, making them, reading all of one.

Imports: kafka, kafka.clients, kafka.kafka_python, schemas.
"""
