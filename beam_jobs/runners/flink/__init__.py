"""Jobs on Flink: which cluster, its REST interface, its Python workers.

Imports: cli, process, runners, runners.patches, schemas.
"""
