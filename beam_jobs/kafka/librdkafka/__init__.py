"""The client over librdkafka. Imports: kafka, kafka.kafka_python, schemas, stream, stream.write."""
