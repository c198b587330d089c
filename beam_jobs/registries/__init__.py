"""Registries as jobs follow them. Imports: models, process, schemas."""
