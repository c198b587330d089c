"""Directories that are written once: manifest, marker, signatures. Imports: schemas."""
