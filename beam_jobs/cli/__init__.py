"""The command line and the settings of every verb: options, config files, progress, logs.

Imports: beam_jobs.kafka, beam_jobs.reports, models, schemas.
"""
