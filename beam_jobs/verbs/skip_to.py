"""`onegraph skip_to`: move a group's committed offset of one partition over what cannot be decoded, on purpose."""

import contextlib
import dataclasses
from typing import Any

from beam_jobs.cli.settings import SkipTo
from beam_jobs.kafka.client import FIRST_ANSWER_S
from beam_jobs.kafka.groups.lease import is_dead, latest
from beam_jobs.kafka.groups.position_note import Lease, Note
from beam_jobs.kafka.groups.takeover import one_at_a_time, wait_for_group
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.probe import wait_for_broker
from schemas.errors import InputError


def run(settings: SkipTo) -> dict[str, Any]:
    """Commit the offset; returns where the group was and how many offsets it jumps over.

    Raises `InputError` for a partition that is not there and for an offset that is not ahead of the group; if the
    group stands nowhere in the log, since nothing is committed or the topic was made anew or cut, any offset of the log
    is taken. Raises `ServiceError` while a job has the group: it would commit its own position again.
    """
    with (
        contextlib.closing(_consumer(settings)) as consumer,
        one_at_a_time(settings.connection, settings.topic, settings.group),
    ):
        wait_for_group(consumer, settings.connection, settings.topic, settings.group)
        jump = _jump(settings, consumer)
        consumer.commit({settings.partition: settings.offset}, jump.note)
    return jump.result


def plan(settings: SkipTo) -> list[str]:
    """Say where the group is and what it would leave out; nothing is committed, no job is waited for."""
    with contextlib.closing(_consumer(settings)) as consumer:
        jump = _jump(settings, consumer)
    lines = [f"would move it: {describe(jump.result)}"]
    if jump.holder is not None and not is_dead(jump.holder):
        lines.append(f"group {settings.group} is held by {jump.holder} now; unless that has ended, the move is refused")
    return lines


@dataclasses.dataclass(frozen=True)
class _Jump:
    """What a move of the group is, the note that is kept beside its new offset, and who had the group last."""

    result: dict[str, Any]
    note: str
    holder: Lease | None


def _consumer(settings: SkipTo) -> Consumer:
    wait_for_broker(settings.connection, FIRST_ANSWER_S)
    consumer = Consumer(settings.connection, settings.topic, settings.group)
    if settings.partition not in consumer.partitions:
        consumer.close()
        known = f"0 to {max(consumer.partitions)}"
        raise InputError(f"topic {settings.topic!r} has no partition {settings.partition}, wanted one of {known}")
    return consumer


def _jump(settings: SkipTo, consumer: Consumer) -> _Jump:
    """Return what the move would be from where the group is now; raises `InputError` for an offset not ahead of it."""
    partition, to = settings.partition, settings.offset
    begin = consumer.beginning_offsets([partition])[partition]
    end = consumer.end_offsets([partition])[partition]
    kept, now = consumer.committed_notes(consumer.partitions), consumer.topic_id()
    notes = {number: Note.read(text) for number, (_, text) in kept.items()}
    at = kept[partition][0] if partition in kept and notes[partition].is_of(now) else None
    if at is not None and at > end:
        at = None
    first = begin if at is None else at + 1
    if not first <= to <= end:
        stands = "stands nowhere in" if at is None else f"is at offset {at} of"
        raise InputError(
            f"group {settings.group!r} {stands} topic {settings.topic!r} partition {partition}, which ends at {end}; "
            f"wanted --offset between {first} and {end}"
        )
    partitions = frozenset({partition}).union(*(n.partitions for n in notes.values() if n.is_of(now)))
    lease = latest(note.lease for note in notes.values())
    free = None if lease is None else dataclasses.replace(lease, free=True)
    was_at = begin if at is None else at
    result = {
        "topic": settings.topic,
        "group": settings.group,
        "partition": partition,
        "was_at": was_at,
        "goes_on_at": to,
        "skipped": to - max(was_at, begin),
    }
    return _Jump(result, Note(topic_id=now, partitions=partitions, lease=free).text(), lease)


def describe(result: dict[str, Any]) -> str:
    """Say what is left out."""
    where = f"topic {result['topic']!r} partition {result['partition']}"
    left = f"leaves out offsets {result['was_at']} to {result['goes_on_at'] - 1} of {where}"
    return (
        f"group {result['group']!r} {left if result['skipped'] else f'leaves out nothing of {where}'} "
        f"({result['skipped']:,} offsets); it goes on at {result['goes_on_at']}. A job that resumes from a checkpoint, "
        "as on Flink, must be started without it"
    )
