"""Files: raw rows to labelled batches to shards, or to predictions.

Imports: cli, models, registries, schemas, transforms.
"""
