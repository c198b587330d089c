"""The client over kafka-python. Imports: kafka, schemas."""
