"""Taking raw values in: decode, validate; which split a row belongs to. Imports: decode, schemas."""
