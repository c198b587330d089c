"""The page of a model: how good it is, where, against which other one, and what it looks at.

Imports: inspection, models, reports, reports.sets, schemas.
"""
