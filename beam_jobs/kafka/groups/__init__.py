"""Consumer groups: committed offsets, the lease beside them. Imports: kafka, kafka.kafka_python, process, schemas."""
