"""A schema from a sample of data: what each column is, and what to look at. Imports: schemas."""
