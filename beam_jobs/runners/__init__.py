"""Where pipelines run: this process, Prism, Flink, Dataflow. Imports: monitoring, process, schemas."""
