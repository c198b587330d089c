"""Schemas looked at as a whole: which of their fields count, how two differ. Imports: schemas."""
