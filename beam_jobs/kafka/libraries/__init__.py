"""The library that a connection asks for. Imports: kafka, kafka.kafka_python, kafka.librdkafka, schemas."""
