"""Registries as jobs and verbs open, follow and show them. Imports: models, process, schemas."""
