"""Clients over kafka-python. Imports: beam_jobs.kafka, schemas."""
