"""Files: raw rows to labelled batches to shards, or to predictions.

Imports: cli, file_runs, models, process, raw_files, schemas, sets, stored, transforms.
"""
