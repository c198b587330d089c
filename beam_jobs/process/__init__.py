"""What processes share: files, folders, locks, watchdogs. Imports: schemas."""
