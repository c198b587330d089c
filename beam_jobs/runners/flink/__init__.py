"""Jobs on Flink: cluster, REST interface, Python workers. Imports: cli, process, runners, runners.patches, schemas."""
