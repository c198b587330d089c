"""The scoring stream put together, and its process and group.

Imports: cli, kafka.groups, kafka.topics, models, monitoring, process, registries, runners, runners.flink, schemas,
services, stream, stream.read, stream.score, stream.write.
"""
