"""The family keras: networks. Imports: families, models, schemas, transforms."""
