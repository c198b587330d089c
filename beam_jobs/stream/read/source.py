"""What is read of Kafka, and where reading begins."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable

from beam_jobs.cli.settings import STARTS
from beam_jobs.kafka.client import POLL_BYTES
from beam_jobs.kafka.errors import OffsetsLost, offsets_lost, topic_made_anew
from beam_jobs.kafka.groups.lease import taken_by
from beam_jobs.kafka.groups.position_note import Lease, Note
from beam_jobs.kafka.groups.takeover import held_by, one_at_a_time, wait_for_group
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.libraries.choice import open_consumer
from beam_jobs.stream.read.tracker import Offsets, Span
from beam_jobs.stream.stream_job import StreamJob
from schemas.errors import ServiceError

_log = logging.getLogger(__name__)

EARLIEST, LATEST, TIMESTAMP, COMMITTED = STARTS
_SETTLED_S = 0.3


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """How the source topic is read; plain values, they travel to workers.

    `start` counts only if the group has committed nothing of the topic; a partition without a committed offset in a
    group that has some is new, and read from its start. `start_ms` goes with `timestamp`: milliseconds since 1970, UTC.
    `look_s` is how often new partitions are looked for, `stall_s` how long a partition may stand still behind its end
    before its consumer is opened anew.
    """

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


def settle_start(
    job: StreamJob,
    settings: ReadSettings,
    lease: Lease,
    at_once: bool = False,
    stop: threading.Event | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Lease:
    """Take the group and make its committed offsets say where reading begins; returns the lease that was taken.

    So a restart goes on where the first run began, also in partitions that had no event yet. Raises `ServiceError`
    if another job has the group, or if the offsets are not those of the topic as it is; `at_once` does not look
    whether the job that had the group still lives, `stop` ends the looking.
    """
    consumer = Consumer(job.servers, job.source.name, job.group)
    try:
        with one_at_a_time(job.servers, job.source.name, job.group, stop):
            where_to_begin(job, settings, consumer)  # what is refused anyway need not wait for another job
            number = wait_for_group(consumer, job.servers, job.source.name, job.group, at_once, stop)
            taken = dataclasses.replace(lease, number=number + 1)
            begin = where_to_begin(job, settings, consumer)
            note = Note(topic_id=_topic_id(job, consumer), partitions=frozenset(begin), lease=taken)
            consumer.commit(begin, note.text())
        sleep(_SETTLED_S)  # another machine's job that began at the same moment has written by now
        kept = consumer.committed_notes(consumer.partitions)
        other = taken_by(taken, (Note.read(text).lease for _, text in kept.values()))
        if other is not None:
            raise held_by(job.servers, job.source.name, job.group, other)
        return taken
    finally:
        consumer.close()


def settle_first(job: StreamJob, settings: ReadSettings) -> None:
    """Commit where reading begins for a group that has committed nothing, without taking it: who runs takes it."""
    consumer = Consumer(job.servers, job.source.name, job.group)
    try:
        if not consumer.committed(consumer.partitions):
            begin = where_to_begin(job, settings, consumer)
            note = Note(topic_id=_topic_id(job, consumer), partitions=frozenset(begin))
            consumer.commit(begin, note.text())
    finally:
        consumer.close()


def where_to_begin(job: StreamJob, settings: ReadSettings, consumer: Consumer) -> dict[int, int]:
    """Return where reading begins, by partition: at the group's committed offset, a new partition at offset 0.

    Raises `ServiceError` if the topic was made anew or cut since, if an offset of a partition that the group knew is
    gone, and for `committed` if nothing is committed.
    """
    partitions = consumer.partitions
    kept = consumer.committed_notes(partitions)
    if not kept:
        return _first_start(job, settings, consumer)
    notes = {partition: Note.read(text) for partition, (_, text) in kept.items()}
    now = _topic_id(job, consumer)
    anew = {partition: note.topic_id for partition, note in notes.items() if not note.is_of(now)}
    if anew and not settings.accept_lost_offsets:
        was = str(next(iter(anew.values())))
        raise topic_made_anew(job.servers, job.source.name, job.group, was, str(now))
    firsts, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    at = {partition: offset for partition, (offset, _) in kept.items() if partition not in anew}
    _check_ends(job, at, firsts, ends)
    known = frozenset[int]().union(*(note.partitions for p, note in notes.items() if p not in anew))
    gone = sorted(known.intersection(partitions) - set(at))
    if gone and not settings.accept_lost_offsets:
        first = gone[0]
        raise OffsetsLost(
            f"{job.servers}: group {job.group!r} has no offset of topic {job.source.name!r} partitions {gone} any "
            f"more, which it knew (the broker forgets or was told to); onegraph skip_to {job.source.name} --group "
            f"{job.group} --partition {first} --offset N puts it where you want, {firsts[first]} to {ends[first]}; "
            "--accept-lost-offsets reads them from their start, which may score events again"
        )
    if anew or gone:
        _log.warning("topic %r: partitions %s are read from their start", job.source.name, sorted({*anew, *gone}))
    # A job commits for all partitions when it takes the group: those without an offset came later. Read from 0, they
    # show what their log has lost already, as every other partition does.
    newer = set(partitions) - set(gone) if any(note.lease for note in notes.values()) else ()
    return firsts | dict.fromkeys(newer, 0) | at


def _first_start(job: StreamJob, settings: ReadSettings, consumer: Consumer) -> dict[int, int]:
    if settings.start == COMMITTED:
        raise ServiceError(
            f"{job.servers}: group {job.group!r} has committed nothing of topic {job.source.name!r}; check the "
            "names, or say --start earliest, latest or timestamp"
        )
    if settings.start == LATEST:
        return consumer.end_offsets(consumer.partitions)
    if settings.start == TIMESTAMP:
        return consumer.offsets_at(consumer.partitions, settings.start_ms or 0)
    return consumer.beginning_offsets(consumer.partitions)


def first_span(job: StreamJob, settings: ReadSettings, index: int) -> Span:
    """Return what the group of that index has to read: from its committed offsets, else from the start.

    The start is offset 0 where the job has a lease: a partition without an offset came since the group was taken.
    Raises `OffsetsLost` if an offset is behind the end.
    """
    consumer = open_consumer(job.servers, job.source.name, job.group)
    try:
        partitions = [p for p in consumer.partitions if p % settings.partition_groups == index]
        committed, firsts = consumer.committed(partitions), consumer.beginning_offsets(partitions)
        ends = consumer.end_offsets(partitions)
        _check_ends(job, committed, firsts, ends)
        begin = firsts if job.lease is None else dict.fromkeys(partitions, 0)
        return Span(begin | committed, ends if settings.until_caught_up else None)
    finally:
        consumer.close()


def _check_ends(job: StreamJob, at: Offsets, firsts: Offsets, ends: Offsets) -> None:
    for partition, offset in sorted(at.items()):
        if offset > ends[partition]:
            first, end = firsts[partition], ends[partition]
            raise offsets_lost(job.servers, job.source.name, partition, offset, min(first, offset), end)


def _topic_id(job: StreamJob, consumer: Consumer) -> str | None:
    return job.source.id or consumer.topic_id()
