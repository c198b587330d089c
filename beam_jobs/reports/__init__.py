"""Pages: charts, tables, templates. Imports: models, schemas."""
