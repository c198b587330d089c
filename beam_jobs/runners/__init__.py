"""Where pipelines run: which runner, its options, its failures. Imports: monitoring, schemas."""
