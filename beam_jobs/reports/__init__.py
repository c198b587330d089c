"""Pages and text for people: charts, tables, templates, what a terminal may show. Imports: nothing of ours."""
