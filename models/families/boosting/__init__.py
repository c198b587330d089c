"""The family xgboost: boosted trees. Imports: families, models, schemas."""
