"""A streaming job as its steps know it, for tests of single steps."""

from typing import Any

from beam_jobs.kafka.connection import Connection
from beam_jobs.stream.stream_job import StreamJob, TopicFacts


def stream_job(servers: Connection | str = "servers", source: str | TopicFacts = "trips", **changes: Any) -> StreamJob:
    """Return a job named `job` of the group `group`; its topics may be given by name alone."""
    given: dict[str, Any] = {"name": "job", "group": "group", "registry": "/nowhere", "runner": "local"}
    given |= {"source": source, "predictions": "predictions", "rejected": "rejected"} | changes
    for topic in ("source", "predictions", "rejected", "shadow"):
        if isinstance(given.get(topic), str):
            given[topic] = TopicFacts(given[topic])
    return StreamJob(servers=servers, **given)
