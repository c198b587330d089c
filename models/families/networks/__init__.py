"""The family keras: networks. Imports: families, measures, models, schemas, transforms."""
