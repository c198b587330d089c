"""Work that may end a process, done in a child first. Imports: registry, schemas, scoring, transforms."""
