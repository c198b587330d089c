"""How good a candidate is, per slice, its gates; skew between two paths.

Imports: families, families.table, measures, models, schemas, scoring, training, transforms.
"""
