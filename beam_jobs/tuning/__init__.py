"""A search for better parameters: its study, and the processes that try.

Imports: models, process, reports.tuning, schemas.
"""
