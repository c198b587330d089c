"""Chooses the library. Imports: beam_jobs.kafka, beam_jobs.kafka.kafka_python, beam_jobs.kafka.librdkafka, schemas."""
