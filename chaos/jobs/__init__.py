"""The scoring job as the suite runs it: processes on the local runner, or a Flink cluster."""
