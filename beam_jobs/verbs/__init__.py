"""One module per verb of the command line; each only wires.

Imports: batch, batch.predictions, cli, demo, file_runs, first_draft, inspection, kafka, kafka.groups,
kafka.kafka_python, kafka.libraries, kafka.topics, models, monitoring, process, raw_files, registries, reports,
reports.candidates, reports.sets, runners, runners.flink, schemas, services, sets, simulation, skew, stream,
stream.job, tracking, training, transforms, tuning.
"""
