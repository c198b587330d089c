"""Who decides: what a use case says of its model, and how a use case is found. Imports: schemas."""
