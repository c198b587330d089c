"""What a person should know of a schema before using it: fields not heeded, its difference to another.

Imports: schemas.
"""
