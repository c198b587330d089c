"""Sets of rows around a build: their anomalies in files and words, files that are a split.

Imports: cli, models, raw_files, reports, schemas.
"""
