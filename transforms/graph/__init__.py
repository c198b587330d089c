"""The one graph: analyzed, saved, checked, loaded, applied. Imports: schemas, transforms."""
