"""Kinds of models behind one protocol: trained, loaded, asked. Imports: models, schemas, transforms."""
