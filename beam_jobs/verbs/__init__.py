"""One module per verb of the command line; each only wires.

Imports: batch, cli, demo, inspection, kafka, kafka.groups, kafka.kafka_python, kafka.libraries, kafka.topics, models,
monitoring, process, raw_files, registries, reports, runners, runners.flink, schemas, services, simulation, skew,
stream, stream.job, transforms.
"""
