"""Reading over confluent-kafka (librdkafka), which fetches and decodes outside Python's lock.

Every lossy default is off, and an error that librdkafka would only log is raised.
"""

import collections
import dataclasses
import itertools
import operator
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer as Reading
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from kafka import errors

from beam_jobs.kafka import client
from beam_jobs.kafka.client import CONNECT_S, FETCH_BYTES, FETCH_BYTES_PER_PARTITION, POLL_BYTES
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import Unavailable, offsets_lost, undecodable, unusable_topic
from beam_jobs.kafka.librdkafka.options import shared_options
from beam_jobs.kafka.records import Polled
from schemas.errors import ServiceError

_PASSING = (
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError._WAIT_COORD,
)
_OUTDATED = (KafkaError._UNKNOWN_PARTITION, KafkaError._NOENT)  # of a client that knows less than there is by now
_DENIED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)
_LOST = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)
_BROKEN = (KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError._NOT_IMPLEMENTED, KafkaError.INVALID_MSG)

_FIRST_TURN_S, _PAUSE_S = 2.0, 0.2  # a group that is refused gets no answer: between two turns we look for the refusal

_TOGETHER = 64  # messages that are taken at once; their sizes are known only then
_FORGET = 0.9  # how slowly the size of the largest ones is forgotten, with each taking

# A header name that is not UTF-8 comes back as a result and an error; how Python looks depends on how it calls.
_headers = operator.methodcaller("headers")
_columns = operator.attrgetter(*(field.name for field in dataclasses.fields(Polled)))


class Consumer(client.Consumer):
    """A consumer over librdkafka; it moves no committed offsets."""

    def __init__(self, servers: Connection | str, topic: str, group: str | None = None, connect_s: float = CONNECT_S):
        self._servers, self._topic, self._group = Connection.of(servers), topic, group
        self._shared = shared_options(self._servers, connect_s)
        self._admin: Any = None
        self._at: dict[int, int] = {}
        self._paused: set[int] = set()
        self.full = False
        self._usual, self._together = 1.0, 1  # bytes of a message; how many are taken at once, more with each taking
        self._broken: dict[int, Any] = {}  # what cannot be read, raised once the records before it are handed out
        self._consumer = Reading(
            self._shared
            | {
                "group.id": group or "onegraph-reads-without-a-group",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "check.crcs": True,
                "enable.partition.eof": True,
                "fetch.message.max.bytes": FETCH_BYTES_PER_PARTITION,
                "fetch.max.bytes": FETCH_BYTES,
                "queued.max.messages.kbytes": FETCH_BYTES >> 10,
                "fetch.queue.backoff.ms": 10,
                "fetch.error.backoff.ms": 100,
            }
        )
        try:
            self.partitions: tuple[int, ...] = self._ask_partitions()
        except ServiceError:
            self.close()
            raise

    def beginning_offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        return self._list("asking for first offsets", partitions, OffsetSpec.earliest())

    def end_offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        return self._list("asking for end offsets", partitions, OffsetSpec.latest())

    def find_partitions(self) -> tuple[int, ...]:
        known, self.partitions = self.partitions, self._ask_partitions()
        if self.partitions != known:
            self._admin = None  # it would go on without the new ones, by what it once learned of the topic
        return self.partitions

    def committed(self, partitions: Sequence[int]) -> dict[int, int]:
        doing = f"reading the committed offsets of group {self._group!r}"
        if not partitions:
            return {}
        until, turn_s = time.monotonic() + CONNECT_S, _FIRST_TURN_S
        while True:
            try:
                found = self._committed(doing, partitions, turn_s)
                break
            except Unavailable:
                self._check_group(doing)
                if time.monotonic() > until:
                    raise
            time.sleep(_PAUSE_S)
            turn_s = min(2 * turn_s, CONNECT_S)
        return {tp.partition: tp.offset for tp in found if tp.offset >= 0}

    def _committed(self, doing: str, partitions: Sequence[int], timeout_s: float) -> list[TopicPartition]:
        found = self._call(
            doing, lambda: self._consumer.committed(self._topic_partitions(partitions), timeout=timeout_s)
        )
        for tp in found:
            if tp.error is not None:  # else it would look like a partition of which nothing is committed
                raise self._error(doing, tp.error)
        return found

    def go_to(self, offsets: Mapping[int, int]) -> None:
        if dict(offsets) != self._at:
            topic_partitions = [TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()]
            self._call("going to offsets", lambda: self._consumer.assign(topic_partitions))
            self._at = dict(offsets)
            self._broken.clear()
        elif self._paused:
            self._call("going on", lambda: self._consumer.resume(self._topic_partitions(sorted(self._paused))))
        self._paused.clear()

    def poll(self, timeout_s: float, max_records: int, max_bytes: int = POLL_BYTES) -> Polled:
        runs: dict[int, Polled] = collections.defaultdict(Polled)
        self.full = False
        if self._broken:
            self._raise(self._broken.pop(next(iter(self._broken))))
        first = self._call("reading", lambda: self._consumer.poll(timeout_s))
        if first is None:
            return Polled()
        messages, left, wanted = [first], max_bytes, max_records - 1
        while messages:
            left -= self._take(messages, runs)
            asked = min(wanted, self._together, max(int(left / self._usual), 1)) if left > 0 else 0
            messages = self._here(asked) if asked else []
            wanted -= len(messages)
            if len(messages) < asked:  # that was all
                left -= self._take(messages, runs)
                break
        self.full = left <= 0 or not wanted
        if self._broken and not runs:
            self._raise(self._broken.pop(next(iter(self._broken))))
        return _polled(runs)

    def positions(self) -> dict[int, int]:
        return dict(self._at)

    def high_waters(self) -> dict[int, int]:
        found = {}
        for tp in self._topic_partitions(sorted(self._at)):
            ends = self._consumer.get_watermark_offsets(tp, cached=True)
            if ends is not None and ends[1] >= 0:
                found[tp.partition] = ends[1]
        return found

    def pause(self, partition: int) -> None:
        self._paused.add(partition)
        self._consumer.pause(self._topic_partitions([partition]))

    def close(self) -> None:
        self._consumer.close()

    def _here(self, count: int) -> list[Any]:
        """Return up to so many messages that are here already; with a timeout it would wait for all of them."""
        return self._call("reading", lambda: self._consumer.consume(count, 0))

    def _take(self, messages: Sequence[Any], runs: dict[int, Polled]) -> int:
        """Put messages behind the run of their partition; return the bytes of their keys, values and headers."""
        at, size, before, count = self._at, 0, None, len(messages)
        for message in messages:
            if message.error() is not None:
                self._take_error(message)
                count -= 1
                continue
            partition = message.partition()
            if partition in self._broken:  # librdkafka goes on behind what it could not read; we do not
                count -= 1
                continue
            try:
                headers = _headers(message) or []
            except (UnicodeDecodeError, SystemError):
                self._broken[partition] = message
                count -= 1
                continue
            if partition != before:
                run, before = runs[partition], partition
                add_offset, add_timestamp, add_key = run.offsets.append, run.timestamps_ms.append, run.keys.append
                add_value, add_headers = run.values.append, run.headers.append
            offset, key, value = message.offset(), message.key(), message.value()
            kind, timestamp = message.timestamp()
            at[partition] = offset + 1
            add_offset(offset)
            add_timestamp(timestamp if kind else -1)
            add_key(key)
            add_value(value)
            add_headers(headers)
            size += len(value or b"") + len(key or b"")
            for name, content in headers:
                size += len(name) + len(content or b"")
        if count:  # the end of a partition says nothing of sizes
            self._usual = max(self._usual * _FORGET, size / count, 1.0)
            self._together = min(2 * self._together, _TOGETHER)
        return size

    def _take_error(self, message: Any) -> None:
        error, partition = message.error(), message.partition()
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            if partition not in self._broken:  # else what could not be read would count as read
                self._at[partition] = max(self._at.get(partition, 0), message.offset())
        elif code not in _PASSING:
            self._broken.setdefault(partition, message)

    def _raise(self, message: Any) -> None:
        error, partition = message.error(), message.partition()
        if error is None:
            raise ServiceError(
                f"{self._servers}: topic {self._topic!r} partition {partition}: a header name of offset "
                f"{message.offset()} is not UTF-8, which this client cannot read; take --kafka-client kafka-python"
            )
        if error.code() in _LOST:
            wanted = self._at[partition]
            first, end = self.beginning_offsets([partition]), self.end_offsets([partition])
            raise offsets_lost(self._servers, self._topic, partition, wanted, first[partition], end[partition])
        if error.code() in _BROKEN:
            offset = max(message.offset(), self._at.get(partition, 0))
            raise undecodable(self._servers, self._topic, partition, offset, offset, error.str())
        raise self._error("reading", error)

    def _ask_partitions(self) -> tuple[int, ...]:
        listed = self._call("asking for partitions", lambda: self._consumer.list_topics(self._topic, CONNECT_S))
        topic = listed.topics[self._topic]
        if topic.error is not None or not topic.partitions:
            raise unusable_topic(self._servers, self._topic, topic.error.code() if topic.error is not None else 0)
        return tuple(sorted(topic.partitions))

    def _list(self, doing: str, partitions: Sequence[int], spec: OffsetSpec) -> dict[int, int]:
        if not partitions:
            return {}
        if self._admin is None:
            self._admin = AdminClient(self._shared)
        asked = self._admin.list_offsets(
            dict.fromkeys(self._topic_partitions(partitions), spec),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=CONNECT_S,
        )
        try:
            return {tp.partition: answer.result(CONNECT_S + 5).offset for tp, answer in asked.items()}
        except KafkaException as error:
            self._admin = None  # it would go on by what it once learned
            raise self._error(doing, error.args[0], _OUTDATED) from None

    def _check_group(self, doing: str) -> None:
        """Raise if the group's access list refuses us: the refusal comes as records do, the request has no answer."""
        message = None if self._at else self._consumer.poll(0)
        error = message.error() if message is not None else None
        if error is not None and error.code() in _DENIED:
            raise self._error(doing, error)

    def _topic_partitions(self, partitions: Sequence[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition) for partition in partitions]

    def _call(self, doing: str, do: Callable[[], Any]) -> Any:
        try:
            return do()
        except KafkaException as error:
            raise self._error(doing, error.args[0]) from None

    def _error(self, doing: str, error: KafkaError, held: Sequence[int] = ()) -> ServiceError:
        what = f"{self._servers}: {error.name()} while {doing} (topic {self._topic!r})"
        if error.code() in _DENIED:
            return ServiceError(f"{what}: this user may not do that; have its access list changed")
        kind = Unavailable if error.code() in (*_PASSING, *held) or _may_pass(error) else ServiceError
        return kind(f"{what}: {error.str()}")


def _polled(runs: Mapping[int, Polled]) -> Polled:
    """Return what came, one partition behind the other; the runs lack only the column of their partition."""
    for partition, run in runs.items():
        run.partitions[:] = [partition] * len(run)
    if len(runs) == 1:
        return next(iter(runs.values()))
    columns = zip(*(_columns(run) for run in runs.values()), strict=True)
    return Polled(*(list(itertools.chain.from_iterable(parts)) for parts in columns))


def _may_pass(error: KafkaError) -> bool:
    """Say whether Kafka's protocol has it tried again; librdkafka knows that of some of the brokers' answers only."""
    code = error.code()
    return error.retriable() or (code > 0 and issubclass(errors.for_code(code), errors.RetriableError))
