"""Raw batch in, scores out: scorer, golden rows, predictions, explanations.

Imports: families, schemas, transforms, variants.
"""
