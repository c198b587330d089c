"""Work that may end a process, done in a child first.

Imports: families.table, registry, schemas, scoring, transforms.
"""
