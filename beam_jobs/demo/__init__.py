"""The demo: its steps, replay and report.

Imports: batch, cli, kafka, kafka.libraries, kafka.topics, models, raw_files, reports, runners.flink, schemas,
services, stream.job, transforms.
"""
