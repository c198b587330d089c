"""The demo: what it replays, how it plays it through a job, its report.

Imports: batch, cli, kafka, kafka.clients, kafka.topics, models, raw_files, reports, runners.flink, schemas, services,
stream.job, transforms.
"""
