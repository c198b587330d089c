"""Files: raw rows to labelled batches to shards, or to predictions.

Imports: cli, models, process, raw_files, registries, runners, runners.flink, runners.in_process, schemas, services,
sets, transforms.
"""
