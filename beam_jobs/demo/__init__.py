"""The demo: its steps, replay and report.

Imports: batch, cli, models, reports, runners.flink, schemas, services, stream.job, transforms, verbs.
"""
