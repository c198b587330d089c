"""Clients over librdkafka. Imports: beam_jobs.kafka, schemas."""
