"""The command line: options, config files, settings, progress, logs.

Imports: kafka, models, reports, runners, schemas, transforms.
"""
