"""What jobs measure of themselves: measures, endpoint, status. Imports: process, reports, models, schemas."""
