"""What jobs tell: measures, endpoint, status. Imports: cli, models, process, schemas."""
