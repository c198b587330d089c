"""One module per verb of the command line, which wires and is no library.

Imports: beam_jobs.batch, beam_jobs.cli, beam_jobs.demo, beam_jobs.kafka, beam_jobs.kafka.clients,
beam_jobs.kafka.groups, beam_jobs.kafka.kafka_python, beam_jobs.kafka.topics, beam_jobs.monitoring, beam_jobs.process,
beam_jobs.raw_files, beam_jobs.registries, beam_jobs.reports, beam_jobs.runners, beam_jobs.runners.flink,
beam_jobs.runners.in_process, beam_jobs.services, beam_jobs.skew, beam_jobs.stream, beam_jobs.stream.job,
beam_jobs.stream.read, models, transforms, schemas.
"""
