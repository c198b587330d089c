"""Files to predictions: rows scored, written, counted.

Imports: batch, cli, file_runs, models, process, raw_files, registries, schemas, stored.
"""
