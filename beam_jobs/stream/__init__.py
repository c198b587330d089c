"""What travels in the stream: events, outcomes, rejected records.

Imports: kafka, kafka.groups, kafka.kafka_python, kafka.libraries, kafka.topics, monitoring, process, schemas,
transforms.
"""
