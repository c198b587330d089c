"""The command line and the settings of every verb: options, config files, progress, logs.

Imports: kafka, models, reports, schemas.
"""
