"""Batches of events to outcomes: predictions and rejected records.

Imports: kafka, models, monitoring, process, registries, schemas, stream, transforms.
"""
