"""What processes need: folders, things shared by their threads, identities, ports, watchdogs. Imports: schemas."""
