"""What jobs tell: measures, endpoint, status. Imports: models, process, reports, schemas."""
