"""The command line: options, config files, settings, progress, logs.

Imports: kafka, models, process, reports, runners, schemas, tracking, transforms, tuning.
"""
