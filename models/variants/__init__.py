"""Champion, challengers, shadows: who decides on which keys. Imports: schemas."""
