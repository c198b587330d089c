"""The clients of the library that a connection names.

Imports: beam_jobs.kafka, beam_jobs.kafka.kafka_python, beam_jobs.kafka.librdkafka, schemas.
"""
