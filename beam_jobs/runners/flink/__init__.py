"""Jobs on Flink: cluster, REST interface, Python workers.

Imports: cli, runners, runners.patches, schemas, services, stream.job.
"""
