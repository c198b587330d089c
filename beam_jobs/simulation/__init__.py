"""Card transactions made up, of any number, with their frauds. Imports: batch, schemas."""
