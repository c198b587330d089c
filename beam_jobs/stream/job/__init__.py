"""The scoring stream put together, and its process and group.

Imports: cli, kafka.groups, kafka.topics, monitoring, process, registries, runners, runners.flink, services, stream,
stream.read, stream.score, stream.write, models, schemas.
"""
