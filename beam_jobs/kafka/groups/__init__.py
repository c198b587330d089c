"""A consumer group's committed offsets, and which job may move them.

Imports: beam_jobs.kafka, beam_jobs.kafka.kafka_python, beam_jobs.process, schemas.
"""
