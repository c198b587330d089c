"""Raw files of any format: found, read as blocks of rows, decoded. Imports: beam_jobs.cli, transforms, schemas."""
