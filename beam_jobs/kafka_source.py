"""What is read of Kafka, and where reading begins."""

import dataclasses
import datetime

from beam_jobs.kafka_client import POLL_BYTES
from beam_jobs.kafka_clients import open_consumer
from beam_jobs.kafka_connection import Connection
from beam_jobs.kafka_tracker import Span
from beam_jobs.settings import STARTS
from schemas.errors import ServiceError, UsageError

EARLIEST, LATEST, TIMESTAMP, COMMITTED = STARTS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What is read and how; plain values, they travel to workers.

    `start` counts only where the group has committed nothing of the topic; a partition without a committed offset in a
    group that has some is new, and read from its start. `start_ms` goes with `timestamp`: milliseconds since 1970, UTC.
    `job` names the stop signal. `look_s` is how often new partitions are looked for, `stall_s` how long a partition may
    stand still behind its end before its consumer is opened anew. `broker_time` says that the topic has LogAppendTime,
    so that its timestamps tell how long events waited.
    """

    servers: Connection | str
    topic: str
    group: str
    job: str
    partition_groups: int = 1
    start: str = EARLIEST
    start_ms: int | None = None
    accept_lost_offsets: bool = False
    until_caught_up: bool = False
    read_budget_s: float = 5.0
    max_batch: int = 4_000
    max_batch_bytes: int = POLL_BYTES
    look_s: float = 30.0
    stall_s: float = 60.0
    broker_time: bool = False


def settle_start(source: Source) -> None:
    """Make the group's committed offsets say where reading begins, once, before the job starts.

    So a restart goes on where the first run began, also in partitions that had no event yet. Raises `ServiceError` for
    `committed` where nothing is committed.
    """
    if source.start == EARLIEST:  # what has no committed offset is read from its start anyway
        return
    consumer = open_consumer(source.servers, source.topic, source.group)
    try:
        if consumer.committed(consumer.partitions):
            return
        if source.start == COMMITTED:
            raise ServiceError(
                f"{source.servers}: group {source.group!r} has committed nothing of topic {source.topic!r}; check the "
                "names, or say --start earliest, latest or timestamp"
            )
        consumer.commit(
            consumer.end_offsets(consumer.partitions)
            if source.start == LATEST
            else consumer.offsets_at(consumer.partitions, source.start_ms or 0)
        )
    finally:
        consumer.close()


def first_span(source: Source, index: int) -> Span:
    """Return what the group of that index has to read: from its committed offsets, else from the start."""
    consumer = open_consumer(source.servers, source.topic, source.group)
    try:
        partitions = [p for p in consumer.partitions if p % source.partition_groups == index]
        start = consumer.beginning_offsets(partitions) | consumer.committed(partitions)
        return Span(start, consumer.end_offsets(partitions) if source.until_caught_up else None)
    finally:
        consumer.close()


def milliseconds(time: str) -> int:
    """Return a time given as ISO 8601 (UTC where it names no zone) or as milliseconds since 1970.

    Raises `UsageError` for anything else.

    >>> milliseconds("2026-01-01"), milliseconds("2026-01-01T01:00+01:00"), milliseconds("1767225600000")
    (1767225600000, 1767225600000, 1767225600000)
    """
    if time.isdecimal():
        return int(time)
    try:
        when = datetime.datetime.fromisoformat(time)
    except ValueError:
        raise UsageError(f"{time!r} is no time, wanted 2026-01-31T12:00:00Z or milliseconds since 1970") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return round(when.timestamp() * 1000)
