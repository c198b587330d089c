"""From a training set to a candidate. Imports: families, families.table, models, schemas, transforms."""
