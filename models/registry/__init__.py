"""Bundles, and the pointer that says which of them are live.

Imports: evaluation, families.table, measures, models, schemas, scoring, training, variants.
"""
