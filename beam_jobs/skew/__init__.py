"""What each path made of the same raw records, and how they differ. Imports: beam_jobs.kafka, transforms, schemas."""
