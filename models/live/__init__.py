"""Following a registry's pointer while batches are scored.

Imports: isolation, registry, schemas, scoring, transforms, variants.
"""
