"""Jobs over files: raw rows to labelled rows, to a spool, to shards; or to predictions.

Imports: models, raw_files, registries, runners, runners.in_process, schemas, transforms.
"""
