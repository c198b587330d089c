"""Topics: what they must be like, made, filled, and read to their end.

Imports: beam_jobs.kafka, beam_jobs.kafka.clients, beam_jobs.kafka.kafka_python, schemas.
"""
