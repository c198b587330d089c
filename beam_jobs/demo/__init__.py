"""The demo: what it replays, how it plays it through a job, its report.

Imports: beam_jobs.batch, beam_jobs.cli, beam_jobs.kafka, beam_jobs.kafka.clients, beam_jobs.kafka.topics,
beam_jobs.raw_files, beam_jobs.reports, beam_jobs.runners.flink, beam_jobs.services, beam_jobs.stream.job, models,
transforms, schemas.
"""
