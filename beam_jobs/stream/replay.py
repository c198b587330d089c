"""Rejected events sent back to their topic, each once per reason that was asked for."""

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence, Set

from beam_jobs.kafka.client import BATCH_BYTES, Producer
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.libraries.choice import open_consumer, open_producer
from beam_jobs.kafka.partitions import partition_of_answer
from beam_jobs.kafka.records import Header, Outgoing, Record
from beam_jobs.kafka.topics.contents import read_until_end
from beam_jobs.kafka.topics.topics import Topic
from beam_jobs.stream.rejected_records import ATTEMPT, RECORD_OVERHEAD, RejectedRecord, record_bytes
from schemas.rejection import Reason

_CHUNK = 1_000
_MOST_FAULTS = 1_000
# Why a record is not sent; the words of the result.
_REASON, _DONE, _ATTEMPTS, _STUB = "another reason", "replayed before", "attempts used up", "stub"
_FOREIGN, _TOPIC, _LARGE = "no headers of ours", "another source topic", "too large for the topic"


@dataclasses.dataclass(frozen=True)
class Replay:
    """What is sent back: records of `rejected_topic` that came from `source`, of these reasons.

    A record that was rejected `attempts` times is left. Consumer groups `group`.REASON remember what was sent.
    """

    rejected_topic: str
    source: Topic
    reasons: Set[Reason]
    attempts: int
    group: str


@dataclasses.dataclass(frozen=True)
class Replayed:
    """How many were sent, by the reason and field of their rejection, and how many were left, by why.

    Of more than 1,000 such pairs the rest is counted under the reason alone: who writes the topic makes up no memory.
    """

    sent: Counter[tuple[str, str]]
    left: Counter[str]

    def add(self, step: "_Step") -> None:
        """Add what became of one step's records."""
        for (reason, path), count in step.sent.items():
            many = (reason, path) not in self.sent and len(self.sent) >= _MOST_FAULTS
            self.sent[reason, "" if many else path] += count
        self.left.update(step.left)


def send_back(servers: Connection, replay: Replay) -> Replayed:
    """Send what the rejected topic has now and was not sent before; commit per reason, behind acknowledged sends."""
    with contextlib.closing(open_producer(servers)) as producer:

        def sent(step: _Step, progress: _Progress, next_offsets: dict[int, int]) -> None:
            step.send(producer)
            progress.commit(next_offsets, step.reasons)

        return _looked_at(servers, replay, sent)


def looked_through(servers: Connection, replay: Replay) -> Replayed:
    """Return what `send_back` would do with what the rejected topic has now; nothing is sent or committed."""
    return _looked_at(servers, replay, lambda step, progress, next_offsets: None)


def _looked_at(
    servers: Connection, replay: Replay, done: Callable[["_Step", "_Progress", dict[int, int]], None]
) -> Replayed:
    """Look at every record that the rejected topic has now; `done` is called with each step before it is counted."""
    progress = _Progress(servers, replay.rejected_topic, replay.group)
    total = Replayed(Counter(), Counter())
    with contextlib.closing(open_consumer(servers, replay.rejected_topic)) as consumer, contextlib.closing(progress):
        for polled, next_offsets in read_until_end(consumer, max_records=_CHUNK):
            step = _Step(replay)
            for record in polled.rows(replay.rejected_topic):
                step.look_at(record, progress)
            done(step, progress, next_offsets)
            total.add(step)
    return total


class _Step:
    """Some records of the rejected topic: those to send, by partition, and why the others are not."""

    def __init__(self, replay: Replay):
        self._replay, self._source = replay, replay.source
        self._records: dict[int, Outgoing] = {}
        self.sent: Counter[tuple[str, str]] = Counter()
        self.left: Counter[str] = Counter()
        self.reasons: set[Reason] = set()

    def look_at(self, record: Record, progress: "_Progress") -> None:
        rejected = RejectedRecord.read(record.headers)
        if rejected is None:
            self.left[_FOREIGN] += 1
            return
        if rejected.reason not in self._replay.reasons:
            self.left[_REASON] += 1
            return
        if record.offset < progress.of(rejected.reason).get(record.partition, 0):
            self.left[_DONE] += 1
            return
        self.reasons.add(rejected.reason)
        headers = [*rejected.headers, (ATTEMPT, b"%d" % (rejected.attempt + 1))]
        why = self._why_not(rejected, record, headers)
        if why:
            self.left[why] += 1
            return
        self.sent[rejected.reason.value, rejected.path] += 1
        partition = partition_of_answer(rejected.partition, record.key, self._source.partitions)
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

    def _why_not(self, rejected: RejectedRecord, record: Record, headers: Sequence[Header]) -> str:
        if rejected.topic != self._source.name:
            return _TOPIC
        if rejected.is_stub:
            return _STUB
        if rejected.attempt >= self._replay.attempts:
            return _ATTEMPTS
        large = record_bytes(record.key, record.value, headers) > self._source.max_message_bytes
        return _LARGE if large else ""

    def _add(self, partition: int, record: Record, headers: list[Header]) -> None:
        records = self._records.setdefault(partition, Outgoing([], [], [], [], []))
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
            ahead = {number: offset for number, offset in offsets.items() if offset > self._at[reason].get(number, 0)}
            self._consumers[reason].commit(ahead)

    def close(self) -> None:
        for consumer in self._consumers.values():
            consumer.close()
