"""What travels in the stream: events, outcomes, rejected records. Imports: monitoring, schemas, transforms."""
