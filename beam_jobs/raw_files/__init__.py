"""Raw files of any format: found, read as blocks of rows, decoded. Imports: cli, schemas, transforms."""
