"""Work that may end a process, done in a child first. Imports: families, registry, schemas, scoring, transforms."""
