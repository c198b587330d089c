"""Jobs over files: raw rows to labelled rows, to a spool, to shards; or to predictions.

Imports: beam_jobs.raw_files, beam_jobs.registries, beam_jobs.runners, beam_jobs.runners.in_process, models,
transforms, schemas.
"""
