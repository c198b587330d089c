"""Pages: charts, tables, templates. Imports: nothing of ours."""
