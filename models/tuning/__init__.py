"""One trial of a search, what it is judged by, and the candidate of the best.

Imports: evaluation, families, families.table, measures, models, schemas, training.
"""
