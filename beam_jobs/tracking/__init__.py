"""Candidates, evaluations and bundles in an MLflow server or database. Imports: models, schemas."""
