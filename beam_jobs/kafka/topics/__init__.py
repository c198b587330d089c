"""Topics: what they must be like, making them, reading all of one.

Imports: kafka, kafka.kafka_python, kafka.libraries, schemas.
"""
