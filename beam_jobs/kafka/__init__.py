"""Kafka as the jobs need it, without Beam: connection, records, errors, clients' protocol. Imports: schemas."""
