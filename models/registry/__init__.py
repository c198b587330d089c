"""Bundles, and the pointer that says which of them are live.

Imports: evaluation, schemas, scoring, training, variants.
"""
