"""The same small Kafka client over confluent-kafka (librdkafka), which fetches and decodes outside Python's lock.

Every lossy default is off, every delivery is waited for, and an error that librdkafka would only log is raised.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer as Reading
from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka import Producer as Writing
from confluent_kafka.admin import AdminClient, OffsetSpec
from kafka.consumer.fetcher import ConsumerRecord

from beam_jobs.events import Records
from beam_jobs.kafka_client import FETCH_BYTES, MAX_REQUEST_BYTES, missing_topic, offsets_lost, undecodable
from beam_jobs.kafka_client import FETCH_BYTES_PER_PARTITION as FETCH_PARTITION
from beam_jobs.kafka_connecting import CONNECT_S, reach
from beam_jobs.kafka_connection import Connection
from schemas.errors import ServiceError

_TOKEN_S = 300.0  # a token is read again before this time is over
_PASSING = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._TIMED_OUT)
_LOST = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)
_BROKEN = (KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError._NOT_IMPLEMENTED, KafkaError.INVALID_MSG)


def _options(connection: Connection, connect_s: float) -> dict[str, Any]:
    """Return librdkafka's options of a connection, the secret among them, once a server has taken it."""
    reach(connection, connect_s)
    options: dict[str, Any] = {
        "bootstrap.servers": connection.servers,
        "security.protocol": connection.security_protocol,
        "allow.auto.create.topics": False,
        "socket.nagle.disable": True,
        "reconnect.backoff.max.ms": 1_000,
        "topic.metadata.refresh.interval.ms": 30_000,
        "log_level": 0,  # what it gives up on comes as an error
        "error_cb": lambda _: None,
    }
    if connection.tls:
        options |= {"ssl.endpoint.identification.algorithm": "https", "enable.ssl.certificate.verification": True}
        for name, path in (
            ("ssl.ca.location", connection.ssl_ca_file),
            ("ssl.certificate.location", connection.ssl_cert_file),
            ("ssl.key.location", connection.ssl_key_file),
        ):
            if path:
                options[name] = path
    if connection.sasl:
        options["sasl.mechanism"] = connection.sasl_mechanism
        if connection.sasl_mechanism == "OAUTHBEARER":
            options["oauth_cb"] = lambda _: (connection.token(), time.time() + _TOKEN_S)
        else:
            options |= {"sasl.username": connection.sasl_username, "sasl.password": connection.password()}
    return options


class Consumer:
    """Reads assigned partitions of one topic and moves a group's committed offsets; never joins the group."""

    def __init__(self, servers: Connection | str, topic: str, group: str | None = None, connect_s: float = CONNECT_S):
        self._servers, self._topic, self._group = Connection.of(servers), topic, group
        self._shared = _options(self._servers, connect_s)
        self._admin: Any = None
        self._at: dict[int, int] = {}
        self._paused: set[int] = set()
        self._broken: dict[int, Any] = {}  # errors by partition, raised once the records before them are handed out
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
                "fetch.message.max.bytes": FETCH_PARTITION,
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
        """Return the first offset that each partition still has."""
        return self._list("asking for first offsets", partitions, OffsetSpec.earliest())

    def end_offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the offset behind the last committed record of each partition."""
        return self._list("asking for end offsets", partitions, OffsetSpec.latest())

    def offsets_at(self, partitions: Sequence[int], time_ms: int) -> dict[int, int]:
        """Return the first offset of each partition whose record is not older than that, its end where none is."""
        found = self._list("asking for offsets by time", partitions, OffsetSpec.for_timestamp(time_ms))
        late = [partition for partition, offset in found.items() if offset < 0]
        return found | (self.end_offsets(late) if late else {})

    def find_partitions(self) -> tuple[int, ...]:
        """Ask the broker which partitions the topic has by now, and remember them in `partitions`."""
        self.partitions = self._ask_partitions()
        return self.partitions

    def committed(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the group's committed offsets, without the partitions that have none."""
        doing = f"reading the committed offsets of group {self._group!r}"
        if not partitions:
            return {}
        found = self._call(doing, lambda: self._consumer.committed(self._places(partitions), timeout=CONNECT_S))
        return {place.partition: place.offset for place in found if place.offset >= 0}

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Move the group's committed offsets and wait for the broker's answer."""
        wanted = [TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()]
        doing = f"committing offsets of group {self._group!r} (does another consumer use this group?)"
        done = self._call(doing, lambda: self._consumer.commit(offsets=wanted, asynchronous=False))
        for place in done:
            if place.error is not None:
                raise self._error(doing, place.error)

    def go_to(self, offsets: Mapping[int, int]) -> None:
        """Read exactly these partitions, from these offsets; those that are there already keep what was fetched."""
        if dict(offsets) != self._at:
            places = [TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()]
            self._call("going to offsets", lambda: self._consumer.assign(places))
            self._at = dict(offsets)
            self._broken.clear()
        elif self._paused:
            self._call("going on", lambda: self._consumer.resume(self._places(sorted(self._paused))))
        self._paused.clear()

    def poll(self, timeout_s: float, max_records: int) -> dict[int, list[Any]]:
        """Return records by partition, as soon as there are any; raises `OffsetsLost` where the log lost the place."""
        found: dict[int, list[Any]] = {}
        if self._broken:
            self._raise(self._broken.pop(next(iter(self._broken))))
        first = self._call("reading", lambda: self._consumer.poll(timeout_s))
        if first is None:
            return found
        messages = [first]
        if max_records > 1:  # what is here already; with a timeout it would wait for all of them
            messages += self._call("reading", lambda: self._consumer.consume(max_records - 1, 0))
        at = self._at
        for one in messages:
            if one.error() is not None:
                self._take_error(one)
                continue
            if one.partition() in self._broken:  # librdkafka goes on behind what it could not read; we do not
                continue
            partition, offset, key, value = one.partition(), one.offset(), one.key(), one.value()
            kind, timestamp = one.timestamp()
            at[partition] = offset + 1
            record = ConsumerRecord(
                *(self._topic, partition, -1, offset, timestamp if kind else -1, int(kind == 2)),
                *(key, value, one.headers() or [], None, -1, -1, -1),
            )
            rows = found.get(partition)
            if rows is None:
                found[partition] = [record]
            else:
                rows.append(record)
        if self._broken and not found:
            self._raise(self._broken.pop(next(iter(self._broken))))
        return found

    def positions(self) -> dict[int, int]:
        """Return the next offset of every assigned partition; it moves past control records at the end too."""
        return dict(self._at)

    def high_waters(self) -> dict[int, int]:
        """Return the end of every partition as the last answer of the broker told it."""
        found = {}
        for place in self._places(sorted(self._at)):
            ends = self._consumer.get_watermark_offsets(place, cached=True)
            if ends is not None and ends[1] >= 0:
                found[place.partition] = ends[1]
        return found

    def pause(self, partition: int) -> None:
        """Stop fetching a partition until the next `go_to`."""
        self._paused.add(partition)
        self._consumer.pause(self._places([partition]))

    def close(self) -> None:
        """Close the connections; commits nothing."""
        self._consumer.close()

    def _take_error(self, message: Any) -> None:
        error, partition = message.error(), message.partition()
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            self._at[partition] = max(self._at.get(partition, 0), message.offset())
        elif code not in _PASSING:
            self._broken.setdefault(partition, message)

    def _raise(self, message: Any) -> None:
        error, partition = message.error(), message.partition()
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
            raise missing_topic(self._servers, self._topic)
        return tuple(sorted(topic.partitions))

    def _list(self, doing: str, partitions: Sequence[int], spec: OffsetSpec) -> dict[int, int]:
        if not partitions:
            return {}
        if self._admin is None:
            self._admin = AdminClient(self._shared)
        asked = self._admin.list_offsets(
            dict.fromkeys(self._places(partitions), spec),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=CONNECT_S,
        )
        return {
            place.partition: self._call(doing, functools.partial(answer.result, CONNECT_S + 5)).offset
            for place, answer in asked.items()
        }

    def _places(self, partitions: Sequence[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition) for partition in partitions]

    def _call(self, doing: str, do: Callable[[], Any]) -> Any:
        try:
            return do()
        except KafkaException as error:
            raise self._error(doing, error.args[0]) from None
        except UnicodeDecodeError:
            raise ServiceError(
                f"{self._servers}: a header name of topic {self._topic!r} is not UTF-8, which this client cannot read; "
                "take --kafka-client kafka-python"
            ) from None

    def _error(self, doing: str, error: KafkaError) -> ServiceError:
        return ServiceError(f"{self._servers}: {error.name()} while {doing} (topic {self._topic!r}): {error.str()}")


class Delivery:
    """Records on their way to one partition."""

    def __init__(self, servers: Connection, topic: str, partition: int, count: int, producer: Any):
        self._where = f"{servers}: a batch for topic {topic!r} partition {partition}"
        self._left, self._producer = count, producer
        self._error: Any = None
        self.done_at = 0.0  # of time.perf_counter; when the broker had answered

    def arrived(self, error: Any, _: Any) -> None:
        """Take the broker's answer for one record."""
        self._left -= 1
        if error is not None and self._error is None:
            self._error = error
        if not self._left:
            self.done_at = time.perf_counter()

    def __str__(self) -> str:
        return self._where

    @property
    def done(self) -> bool:
        if self._left:
            self._producer.poll(0)
        return not self._left

    def settled(self, timeout_s: float) -> bool:
        """Wait for the broker's answer so long; whether it is there, good or bad."""
        until = time.monotonic() + timeout_s
        while self._left and time.monotonic() < until:
            self._producer.poll(0.05)
        return not self._left

    def wait(self, timeout_s: float) -> None:
        """Return once the broker has all of it; raises `ServiceError` when it refused any of it or did not answer."""
        if not self.settled(timeout_s):
            raise ServiceError(
                f"{self._where} was not acknowledged within {timeout_s:g} s; nothing behind it was committed, "
                "start again once the broker is well"
            )
        if self._error is not None:
            raise ServiceError(f"{self._where} was refused: {self._error.name()}: {self._error.str()}")


class Producer:
    """Sends records, idempotent and acknowledged by all replicas; thread safe."""

    DELIVERY_S = 120.0

    def __init__(self, servers: Connection | str, connect_s: float = CONNECT_S, delivery_s: float = DELIVERY_S):
        self._servers = Connection.of(servers)
        self._options = _options(self._servers, connect_s) | {
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": int(delivery_s * 1000),
            "message.max.bytes": MAX_REQUEST_BYTES,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 256 << 10,
            "linger.ms": 1,
        }
        self._producers: dict[int, Any] = {}  # by the largest batch
        self._partitions: dict[str, int] = {}

    def partition_count(self, topic: str) -> int:
        """Return how many partitions a topic has; raises `ServiceError` where there is no such topic."""
        if topic not in self._partitions:
            try:
                found = self._producer(900_000).list_topics(topic, CONNECT_S).topics[topic]
            except KafkaException as error:
                raise ServiceError(f"{self._servers}: {error.args[0].str()} (topic {topic!r})") from None
            if found.error is not None or not found.partitions:
                raise missing_topic(self._servers, topic)
            self._partitions[topic] = len(found.partitions)
        return self._partitions[topic]

    def send(self, topic: str, partition: int, records: Records, max_batch_bytes: int) -> list[Delivery]:
        """Queue records for a partition, in order; the caller waits for every delivery."""
        self.partition_count(topic)
        producer = self._producer(max_batch_bytes)
        delivery = Delivery(self._servers, topic, partition, len(records), producer)
        arrived, produce = delivery.arrived, producer.produce
        headers: Sequence[Any] = records.headers or [[]] * len(records)
        for key, value, timestamp, names in zip(
            records.keys, records.values, records.timestamps_ms, headers, strict=True
        ):
            while True:
                try:
                    produce(topic, value, key, partition, on_delivery=arrived, timestamp=timestamp, headers=names)
                    break
                except BufferError:  # the queue is full: wait for answers
                    producer.poll(0.05)
                except KafkaException as error:
                    arrived(error.args[0], None)
                    break
        return [delivery]

    def close(self) -> None:
        """Close the connections; what nobody waited for may be lost."""
        for producer in self._producers.values():
            producer.purge()
            producer.flush(2)

    def _producer(self, max_batch_bytes: int) -> Any:
        if max_batch_bytes not in self._producers:
            self._producers[max_batch_bytes] = Writing(self._options | {"batch.size": max_batch_bytes})
        return self._producers[max_batch_bytes]
