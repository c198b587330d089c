"""`onegraph skip_to`: move a group's committed offset of one partition over what cannot be decoded, on purpose."""

from typing import Any

from beam_jobs.kafka_clients import open_consumer
from beam_jobs.settings import SkipTo
from schemas.errors import InputError, UsageError


def check(settings: SkipTo) -> None:
    """Refuse numbers that make no sense."""
    for name in ("partition", "offset"):
        if getattr(settings, name) < 0:
            raise UsageError(f"--{name} is {getattr(settings, name)}, wanted 0 or more")


def run(settings: SkipTo) -> dict[str, Any]:
    """Commit the offset; returns where the group was and how many offsets it jumps over.

    Raises `InputError` for a partition that is not there and for an offset that is not ahead. The job that uses the
    group must be down: it would commit its own position again.
    """
    check(settings)
    partition, to = settings.partition, settings.offset
    consumer = open_consumer(settings.connection, settings.topic, settings.group)
    try:
        if partition not in consumer.partitions:
            known = f"0 to {max(consumer.partitions)}"
            raise InputError(f"topic {settings.topic!r} has no partition {partition}, wanted one of {known}")
        begin = consumer.beginning_offsets([partition])[partition]
        end = consumer.end_offsets([partition])[partition]
        at = consumer.committed([partition]).get(partition, begin)
        if not at < to <= end:
            raise InputError(
                f"group {settings.group!r} is at offset {at} of topic {settings.topic!r} partition {partition}, which "
                f"ends at {end}; wanted --offset between {at + 1} and {end}"
            )
        consumer.commit({partition: to})
    finally:
        consumer.close()
    return {
        "topic": settings.topic,
        "group": settings.group,
        "partition": partition,
        "was_at": at,
        "goes_on_at": to,
        "skipped": to - max(at, begin),
    }


def describe(result: dict[str, Any]) -> str:
    """Say what is left out."""
    return (
        f"group {result['group']!r} leaves out offsets {result['was_at']} to {result['goes_on_at'] - 1} of topic "
        f"{result['topic']!r} partition {result['partition']} ({result['skipped']:,} offsets); it goes on at "
        f"{result['goes_on_at']}. A job that resumes from a checkpoint, as on Flink, must be started without it"
    )
