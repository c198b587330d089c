"""Batches of events to outcomes: predictions and rejected records.

Imports: kafka, monitoring, process, registries, stream, models, schemas, transforms.
"""
