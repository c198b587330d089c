"""What is in a file or a directory, for people. Imports: models, registries, reports, schemas, sets, transforms."""
