"""Which module is the family of a name. Imports: families, families.boosting, families.networks, models, schemas."""
