"""The page of a training set: what its columns hold, and what differs between splits or days.

Imports: inspection, reports, schemas, sets.
"""
