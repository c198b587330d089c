"""Measures of jobs, the endpoint that serves them, a job's status. Imports: models, process, reports, schemas."""
