"""What each path made of the same raw records, and how they differ.

Imports: beam_jobs.kafka, beam_jobs.kafka.clients, beam_jobs.kafka.topics, beam_jobs.raw_files, models, transforms,
schemas.
"""
