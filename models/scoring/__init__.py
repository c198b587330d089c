"""Raw batch in, scores out: scorer, golden rows, predictions, explanations.

Imports: families, families.table, models, schemas, transforms, variants.
"""
