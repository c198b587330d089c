"""Batches of events to outcomes: predictions and rejected records.

Imports: models, monitoring, process, registries, schemas, stream, transforms.
"""
