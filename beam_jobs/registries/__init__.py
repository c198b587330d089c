"""Registries as jobs follow them. Imports: models, process, reports, schemas."""
