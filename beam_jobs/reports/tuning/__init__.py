"""The page of a search for parameters. Imports: reports."""
