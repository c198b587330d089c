"""Personal columns: their treatments, and the keys of hashes. Imports: schemas."""
