"""Raw batch in, scores out: scorer, golden rows, predictions, explanations.

Imports: families, models, schemas, transforms, variants.
"""
