"""What every Kafka client shares: where Kafka is, who we are, records, errors, protocols. Imports: schemas."""
