"""The suite's own Kafka: one node or three, the disks and connections that it is given, and its topics."""
