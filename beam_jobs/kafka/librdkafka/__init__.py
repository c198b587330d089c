"""The client over librdkafka. Imports: kafka, schemas."""
