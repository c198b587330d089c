"""Topics and contents. Imports: beam_jobs.kafka, beam_jobs.kafka.clients, beam_jobs.kafka.kafka_python, schemas."""
