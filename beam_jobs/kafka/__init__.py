"""What every Kafka client shares: connection, records, errors, protocols. Imports: schemas."""
