"""Runs over files: where they run, what they are made of, what becomes of an output that is there already.

Imports: cli, models, process, raw_files, runners, runners.flink, runners.in_process, runners.patches, schemas,
services, stored.
"""
