"""`onegraph replay_rejected`: rejected events go back to their topic, after what rejected them was mended."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from beam_jobs.cli.settings import ReplayRejected
from beam_jobs.kafka.client import BATCH_BYTES, Producer
from beam_jobs.kafka.clients.choice import open_consumer, open_producer
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.groups.positions import one_at_a_time
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.partitions import partition_of_answer
from beam_jobs.kafka.records import Header, Record, Records
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.contents import read_until_end
from beam_jobs.stream.rejected_records import ATTEMPT, RECORD_OVERHEAD, RejectedRecord, record_bytes
from schemas.errors import UsageError
from schemas.rejection import Reason

_CHUNK = 1_000
# Why a record is not sent; the words of the result.
_REASON, _DONE, _ATTEMPTS, _STUB = "another reason", "replayed before", "attempts used up", "stub"
_FOREIGN, _TOPIC, _LARGE = "no headers of ours", "another source topic", "too large for the topic"


def check(settings: ReplayRejected) -> None:
    """Refuse a wrong option or a missing topic before anything is sent."""
    unknown = sorted(set(settings.reason) - set(Reason))
    if unknown:
        raise UsageError(f"--reason {unknown[0]}: no such reason; known: {', '.join(Reason)}")
    if settings.attempts < 1:
        raise UsageError(f"--attempts is {settings.attempts}, wanted 1 or more")
    if settings.source_topic == settings.rejected_topic:
        raise UsageError(f"source and rejected topic must differ, got {settings.source_topic} twice")
    topics.required(settings.connection, [settings.source_topic, settings.rejected_topic])


def run(settings: ReplayRejected) -> dict[str, Any]:
    """Send what the rejected topic has now, was not sent before, and is of the reasons asked for.

    Each event goes back with value, key, timestamp and headers as they were, and an attempt more. What was looked at
    is committed per reason, behind acknowledged sends: a second run sends nothing again, a killed one at most the
    1,000 records of its last step. A second one of the group on this machine waits for the first, a minute at most,
    then raises `ServiceError`.
    """
    check(settings)
    with one_at_a_time(settings.connection, settings.rejected_topic, settings.group):
        return _replayed(settings)


def _replayed(settings: ReplayRejected) -> dict[str, Any]:
    servers = settings.connection
    source = topics.required(servers, [settings.source_topic])[settings.source_topic]
    progress = _Progress(servers, settings.rejected_topic, settings.group)
    consumer = open_consumer(servers, settings.rejected_topic)
    producer = open_producer(servers)
    sent: Counter[str] = Counter()
    left: Counter[str] = Counter()
    try:
        for polled, next_offsets in read_until_end(consumer, max_records=_CHUNK):
            step = _Step(source, settings)
            for record in polled.rows(settings.rejected_topic):
                step.look_at(record, progress)
            step.send(producer)
            progress.commit(next_offsets, step.reasons)
            sent += step.sent
            left += step.left
    finally:
        producer.close()
        consumer.close()
        progress.close()
    return {"topic": settings.source_topic, "sent": sent.total(), "sent_by_reason": dict(sent), "left": dict(left)}


def describe(result: dict[str, Any]) -> str:
    """Say what was sent and what was left, and why."""
    reasons = _listed(result["sent_by_reason"])
    left = _listed(result["left"])
    return (
        f"sent {result['sent']:,} events to {result['topic']} again{f' ({reasons})' if reasons else ''}; "
        f"left: {left or 'nothing'}"
    )


class _Step:
    """Some records of the rejected topic: those to send, by partition, and why the others are not."""

    def __init__(self, source: topics.Topic, settings: ReplayRejected):
        self._source, self._settings = source, settings
        self._wanted = set(settings.reason or Reason)
        self._records: dict[int, Records] = {}
        self.sent: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self.reasons: set[Reason] = set()

    def look_at(self, record: Record, progress: "_Progress") -> None:
        found = RejectedRecord.read(record.headers)
        if found is None:
            self.left[_FOREIGN] += 1
            return
        if found.reason not in self._wanted:
            self.left[_REASON] += 1
            return
        if record.offset < progress.of(found.reason).get(record.partition, 0):
            self.left[_DONE] += 1
            return
        self.reasons.add(found.reason)
        headers = [*found.headers, (ATTEMPT, b"%d" % (found.attempt + 1))]
        why = self._why_not(found, record, headers)
        if why:
            self.left[why] += 1
            return
        self.sent[found.reason.value] += 1
        partition = partition_of_answer(found.partition, record.key, self._source.partitions)
        self._add(partition, record, headers)

    def send(self, producer: Producer) -> None:
        """Send and wait until all of it is acknowledged."""
        limit = min(BATCH_BYTES, self._source.max_message_bytes - RECORD_OVERHEAD)
        deliveries = [
            delivery
            for partition, records in self._records.items()
            for delivery in producer.send(self._source.name, partition, records, limit)
        ]
        for delivery in deliveries:
            delivery.wait(producer.delivery_s)

    def _why_not(self, found: RejectedRecord, record: Record, headers: Sequence[Header]) -> str:
        if found.topic != self._source.name:
            return _TOPIC
        if found.is_stub:
            return _STUB
        if found.attempt >= self._settings.attempts:
            return _ATTEMPTS
        large = record_bytes(record.key, record.value, headers) > self._source.max_message_bytes
        return _LARGE if large else ""

    def _add(self, partition: int, record: Record, headers: list[Header]) -> None:
        records = self._records.setdefault(partition, Records([], [], [], [], []))
        records.source_partitions.append(partition)
        records.timestamps_ms.append(record.timestamp_ms)
        records.keys.append(record.key)
        records.values.append(record.value)
        assert records.headers is not None
        records.headers.append(headers)


class _Progress:
    """How far each reason was looked at: the committed offsets of a group of its own, `GROUP.REASON`."""

    def __init__(self, servers: Connection | str, topic: str, group: str):
        self._servers, self._topic, self._group = servers, topic, group
        self._consumers: dict[Reason, Consumer] = {}
        self._at: dict[Reason, dict[int, int]] = {}

    def of(self, reason: Reason) -> dict[int, int]:
        """Return the offset, by partition, from which on nothing of the reason was looked at before this run."""
        if reason not in self._at:
            consumer = Consumer(self._servers, self._topic, f"{self._group}.{reason}")  # its commits are kept longest
            self._consumers[reason] = consumer
            self._at[reason] = consumer.committed(consumer.partitions)
        return self._at[reason]

    def commit(self, offsets: dict[int, int], reasons: set[Reason]) -> None:
        """Say that everything before these offsets was looked at, for these reasons."""
        for reason in reasons:
            ahead = {place: offset for place, offset in offsets.items() if offset > self._at[reason].get(place, 0)}
            self._consumers[reason].commit(ahead)

    def close(self) -> None:
        for consumer in self._consumers.values():
            consumer.close()


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
