"""From a training set to a candidate. Imports: families, models, schemas, transforms."""
