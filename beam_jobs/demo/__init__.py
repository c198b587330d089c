"""The demo: its steps, replay and report.

Imports: batch, cli, models, reports, schemas, services, stream.job, transforms, verbs.
"""
