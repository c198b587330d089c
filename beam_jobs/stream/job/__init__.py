"""The scoring stream put together, and its process and group.

Imports: cli, kafka.groups, kafka.kafka_python, kafka.topics, models, monitoring, process, registries, runners,
runners.flink, runners.in_process, schemas, services, stream, stream.read, stream.score, stream.write.
"""
