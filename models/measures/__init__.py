"""Metrics of scored rows: of each task, of slices, with intervals. Imports: families, models, schemas."""
