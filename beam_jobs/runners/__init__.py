"""Where pipelines run: this process, Prism, Flink, Dataflow. Imports: runners.patches, schemas."""
