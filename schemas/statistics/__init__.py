"""What a training set's values are like: statistics per column, quantiles, anomalies. Imports: schemas."""
