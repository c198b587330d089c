"""Groups' committed offsets. Imports: beam_jobs.kafka, beam_jobs.kafka.kafka_python, beam_jobs.process, schemas."""
