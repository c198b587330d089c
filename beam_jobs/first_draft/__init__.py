"""The first version of a use case, written from a sample of its data.

Imports: models, raw_files, reports, schemas, transforms.
"""
