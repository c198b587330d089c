"""What a whole set of rows must keep, and gates that say no. Imports: artifacts, schemas, statistics."""
