"""Kafka as the jobs need it: read, send, commit, describe, over kafka-python with every lossy default set off.

Whatever the client library raises comes out as `ServiceError`, one line that names the servers. The interface is
small so that another client library can stand behind it.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import kafka
from kafka import errors
from kafka.partitioner.default import murmur2

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import OffsetsLost, offsets_lost, refused_records, undecodable, unusable_topic
from beam_jobs.kafka.kafka_python import batches, commits, decoding, outage
from beam_jobs.kafka.kafka_python.opening import CONNECT_S, connect, one_line
from beam_jobs.kafka.kafka_python.polling import ByteBudget
from beam_jobs.kafka.records import Records
from schemas.errors import ServiceError

MAX_REQUEST_BYTES = 64 << 20  # the topic's own limit decides; see Producer.max_message_bytes
FETCH_BYTES_PER_PARTITION = 1 << 20
FETCH_BYTES = 16 << 20
POLL_BYTES = 8 << 20  # of keys, values and headers, decompressed, that one poll hands out, give or take a record


decoding.install()
outage.install()


class Consumer:
    """Reads assigned partitions of one topic and moves a group's committed offsets; never joins the group.

    Not thread safe, as the library's is not.
    """

    def __init__(self, servers: Connection | str, topic: str, group: str | None = None, connect_s: float = CONNECT_S):
        self._servers, self._topic, self._group = Connection.of(servers), topic, group
        self._consumer = connect(
            kafka.KafkaConsumer,
            servers,
            connect_s,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            isolation_level="read_committed",
            check_crcs=True,
            max_partition_fetch_bytes=FETCH_BYTES_PER_PARTITION,
            fetch_max_bytes=FETCH_BYTES,
            metrics_enabled=False,
        )
        commits.ask_to_keep(self._consumer)
        with self._errors("asking for partitions"):
            found = self._consumer.partitions_for_topic(topic)
        if not found:
            self._consumer.close(autocommit=False)
            raise _why_no_topic(self._servers, topic)
        self.partitions: tuple[int, ...] = tuple(sorted(found))
        self.full = False  # whether the last poll ended at one of its limits
        self._budget = ByteBudget(self._consumer._fetcher)

    def beginning_offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the first offset that each partition still has."""
        with self._errors("asking for first offsets"):
            found = self._consumer.beginning_offsets(self._places(partitions), timeout_ms=_ms(CONNECT_S))
        return {place.partition: offset for place, offset in found.items()}

    def end_offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the offset behind the last committed record of each partition."""
        with self._errors("asking for end offsets"):
            found = self._consumer.end_offsets(self._places(partitions), timeout_ms=_ms(CONNECT_S))
        return {place.partition: offset for place, offset in found.items()}

    def offsets_at(self, partitions: Sequence[int], time_ms: int) -> dict[int, int]:
        """Return the first offset of each partition whose record is not older than that, its end where none is."""
        with self._errors("asking for offsets by time"):
            found = self._consumer.offsets_for_times(
                dict.fromkeys(self._places(partitions), time_ms), timeout_ms=_ms(CONNECT_S)
            )
        late = [place.partition for place, one in found.items() if one is None]
        ends = self.end_offsets(late) if late else {}
        return ends | {place.partition: one.offset for place, one in found.items() if one is not None}

    def find_partitions(self) -> tuple[int, ...]:
        """Ask the broker which partitions the topic has by now, and remember them in `partitions`."""
        with self._errors("asking for partitions"):
            self._consumer.topics()
            found = self._consumer.partitions_for_topic(self._topic)
        self.partitions = tuple(sorted(found or self.partitions))
        return self.partitions

    def committed(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the group's committed offsets, without the partitions that have none."""
        return {partition: offset for partition, (offset, _) in self.committed_notes(partitions).items()}

    def committed_notes(self, partitions: Sequence[int], timeout_s: float = CONNECT_S) -> dict[int, tuple[int, str]]:
        """Return the group's committed offsets with the text that is kept beside each."""
        with self._errors(f"reading the committed offsets of group {self._group!r}"):
            places = self._places(partitions)
            self._consumer._coordinator._offset_fetch_futures.clear()  # an answer that came too late would be old
            found = self._consumer._coordinator.fetch_committed_offsets(places, timeout_ms=_ms(timeout_s))
        return {place.partition: (one.offset, one.metadata or "") for place, one in found.items()}

    def commit(self, offsets: Mapping[int, int], note: str = "", timeout_s: float = CONNECT_S) -> None:
        """Move the group's committed offsets, with a text beside each, and wait for the broker's answer."""
        wanted = {
            kafka.TopicPartition(self._topic, partition): kafka.structs.OffsetAndMetadata(offset, note, -1)
            for partition, offset in offsets.items()
        }
        with self._errors(f"committing offsets of group {self._group!r} (does another consumer use this group?)"):
            self._consumer.commit(wanted, timeout_ms=_ms(timeout_s))

    def topic_id(self, timeout_s: float = CONNECT_S) -> str | None:
        """Ask for the id that the topic has now; None where the broker has no ids. A topic made anew has another."""
        with self._errors("asking for the topic's id"):
            return commits.topic_id(self._consumer, self._topic, timeout_s)

    def go_to(self, offsets: Mapping[int, int]) -> None:
        """Read exactly these partitions, from these offsets; those that are there already keep what was fetched."""
        places = self._places(sorted(offsets))
        if set(places) != self._consumer.assignment():
            self._consumer.assign(places)
        self._consumer.resume(*places)
        now = self.positions()
        for place in places:
            if now.get(place.partition) != offsets[place.partition]:
                self._consumer.seek(place, offsets[place.partition])

    def poll(self, timeout_s: float, max_records: int, max_bytes: int = POLL_BYTES) -> dict[int, list[Any]]:
        """Return records by partition, as soon as there are any; raises `OffsetsLost` where the log lost the place.

        The record that reaches `max_bytes` is the last one.
        """
        self._budget.left = max_bytes
        with self._errors("reading"):
            try:
                found = self._consumer.poll(timeout_ms=_ms(timeout_s), max_records=max_records)
            except errors.OffsetOutOfRangeError as error:
                raise self._lost(error) from None
            except errors.LogTruncationError as error:
                raise self._truncated(error) from None
            except decoding.UndecodableBatch as error:
                raise self._undecodable(error) from None
        self.full = self._budget.left <= 0 or sum(map(len, found.values())) >= max_records
        return {place.partition: records for place, records in found.items()}

    def positions(self) -> dict[int, int]:
        """Return the next offset of every assigned partition; it moves past control records and gaps too."""
        state = self._consumer._subscription.assignment  # `position()` would ask the broker where none is known
        return {place.partition: one.position.offset for place, one in state.items() if one.position is not None}

    def high_waters(self) -> dict[int, int]:
        """Return the end of every partition as the last answer of the broker told it."""
        found = {place.partition: self._consumer.highwater(place) for place in self._consumer.assignment()}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def pause(self, partition: int) -> None:
        """Stop fetching a partition until the next `go_to`."""
        self._consumer.pause(kafka.TopicPartition(self._topic, partition))

    def close(self) -> None:
        """Close the connections; commits nothing."""
        self._consumer.close(autocommit=False, timeout_ms=2_000)

    def _places(self, partitions: Sequence[int]) -> list[kafka.TopicPartition]:
        return [kafka.TopicPartition(self._topic, partition) for partition in partitions]

    def _errors(self, doing: str) -> contextlib.AbstractContextManager[None]:
        return one_line(self._servers, f"{doing} (topic {self._topic!r})")

    def _undecodable(self, error: decoding.UndecodableBatch) -> ServiceError:
        records = self._consumer._fetcher._next_partition_records  # it stays there until the consumer is closed
        partition = records.topic_partition.partition
        return undecodable(self._servers, self._topic, partition, error.first, error.last, error.why)

    def _lost(self, error: errors.OffsetOutOfRangeError) -> OffsetsLost:
        place, wanted = next(iter(error.args[0].items()))
        first = self.beginning_offsets([place.partition])[place.partition]
        end = self.end_offsets([place.partition])[place.partition]
        return offsets_lost(self._servers, self._topic, place.partition, wanted, first, end)

    def _truncated(self, error: errors.LogTruncationError) -> OffsetsLost:
        place = next(iter(error.divergent_offsets))
        end = self.end_offsets([place.partition])[place.partition]
        wanted = self.positions().get(place.partition, end)
        return offsets_lost(self._servers, self._topic, place.partition, wanted, 0, end)


class Delivery:
    """A batch on its way to one partition: some of `records`, the first of which is in row `first`."""

    def __init__(self, servers: Connection | str, batch: Any, records: Records, first: int):
        self._servers, self._batch = servers, batch
        self._records, self._first = records, first
        self.done_at = 0.0  # of time.perf_counter; when the broker had answered
        batch.produce_future.add_both(self._answered)

    def _answered(self, _: Any) -> None:
        self.done_at = time.perf_counter()

    @property
    def done(self) -> bool:
        return self._batch.produce_future.is_done

    def settled(self, timeout_s: float) -> bool:
        """Wait for the broker's answer so long; whether it is there, good or bad."""
        return bool(self._batch.produce_future.wait(timeout_s)) and self.done

    def __str__(self) -> str:
        where = self._batch.topic_partition
        return f"{self._servers}: a batch for topic {where.topic!r} partition {where.partition}"

    def wait(self, timeout_s: float) -> None:
        """Return once the broker has all of it; raises `ServiceError` when it refused any of it or did not answer."""
        future, where = self._batch.produce_future, self._batch.topic_partition
        if not future.wait(timeout_s) or not future.is_done:
            raise ServiceError(
                f"{self._servers}: topic {where.topic!r} partition {where.partition} did not acknowledge a batch "
                f"within {timeout_s:g} s; nothing behind it was committed, start again once the broker is well"
            )
        _, _, errors_of_records = future.value if future.succeeded() else (None, None, lambda _: future.exception)
        if errors_of_records is not None:
            found = [errors_of_records(row) for row in range(self._batch.record_count)]
            # One that was only beside a bad one has an error of no kind; that of the whole batch is the same for all.
            bad = [row for row, error in enumerate(found) if type(error) is not errors.KafkaError] or [0]
            first, last = (0, len(found) - 1) if all(error is found[0] for error in found) else (bad[0], bad[0])
            error = found[bad[0]]
            said = error.args[0] if error.args and error.args[0] else getattr(error, "description", "")
            raise refused_records(
                f"{self._servers}: topic {where.topic!r} partition {where.partition}",
                self._records.source(self._first + first),
                self._records.source(self._first + last),
                f"{type(error).__name__}: {said}",
            )


class GrowthWatch:
    """Says when it is time to ask again whether a topic has grown: at once, then every `period_s` seconds."""

    def __init__(self, period_s: float = 30.0):
        self._period_s = period_s
        self._asked: dict[str, float] = {}

    def due(self, topic: str) -> bool:
        """Say so, and count the period anew if it is."""
        now = time.monotonic()
        if now - self._asked.get(topic, -self._period_s) < self._period_s:
            return False
        self._asked[topic] = now
        return True


class PartitionCounts:
    """How many partitions topics have: asked by `first`, and of a topic that is too small by `anew`, now and then."""

    def __init__(self, first: Callable[[str], int], anew: Callable[[str], int]):
        self._first, self._anew = first, anew
        self._known: dict[str, int] = {}
        self._growth = GrowthWatch()

    def of(self, topic: str, at_least: int) -> int:
        """Return the count; raises what `first` does. A broker that is away when it is asked anew holds nothing up."""
        if topic not in self._known:
            self._known[topic] = self._first(topic)
        if self._known[topic] < at_least and self._growth.due(topic):
            with contextlib.suppress(ServiceError):
                self._known[topic] = self._anew(topic)
        return self._known[topic]


class Producer:
    """Sends records, idempotent and acknowledged by all replicas; thread safe."""

    DELIVERY_S = 120.0

    def __init__(self, servers: Connection | str, connect_s: float = CONNECT_S, delivery_s: float = DELIVERY_S):
        self._servers = Connection.of(servers)
        self._producer = connect(
            kafka.KafkaProducer,
            servers,
            connect_s,
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            delivery_timeout_ms=_ms(delivery_s),
            max_block_ms=5_000,
            max_request_size=MAX_REQUEST_BYTES,
            metrics_enabled=False,
        )
        outage.wait_for_brokers(self._producer)
        self._counts = PartitionCounts(self._known_count, self._count_now)

    def partition_count(self, topic: str, at_least: int = 0) -> int:
        """Return how many partitions a topic has; raises `ServiceError` where there is no such topic.

        Where that is fewer than `at_least`, the broker is asked whether it has grown, now and then.
        """
        return self._counts.of(topic, at_least)

    def _known_count(self, topic: str) -> int:
        try:
            return len(self._producer.partitions_for(topic))
        except errors.KafkaError:  # also where nobody answered in time
            raise _why_no_topic(self._servers, topic) from None

    def _count_now(self, topic: str) -> int:
        asking = Consumer(self._servers, topic)
        asking.close()
        return len(asking.partitions)

    def send(self, topic: str, partition: int, records: Records, max_batch_bytes: int) -> list[Delivery]:
        """Queue records for a partition, in order; the caller waits for every delivery."""
        self.partition_count(topic)  # the batches would stay in the queue of an unknown topic
        encoded = batches.encode_batches(
            records.timestamps_ms, records.keys, records.values, records.headers, max_batch_bytes
        )
        deliveries, first = [], 0
        for batch in encoded:
            queued = batches.enqueue(self._producer, topic, partition, batch)
            deliveries.append(Delivery(self._servers, queued, records, first))
            first += queued.record_count
        return deliveries

    def close(self) -> None:
        """Close the connections; what nobody waited for may be lost."""
        try:
            self._producer.close(timeout=2)
        except errors.KafkaTimeoutError:  # something is not acknowledged; then the library leaves its thread running
            self._producer._sender.force_close()
            self._producer._sender.join(2)
            self._producer._closed = True


def partition_of(key: bytes, count: int) -> int:
    """Return the partition, of so many, where Kafka's clients put a key.

    >>> partition_of(b"taxi", 4)
    3
    """
    return (murmur2(key) & 0x7FFFFFFF) % count


def _why_no_topic(servers: Connection, topic: str) -> ServiceError:
    """Ask for this one topic: who asks for all is not told of those that he may not see."""
    admin = connect(kafka.KafkaAdminClient, servers, CONNECT_S)
    try:
        with one_line(servers, f"describing topic {topic!r}"):
            [found] = admin.describe_topics([topic])
    finally:
        admin.close()
    return unusable_topic(servers, topic, found["error_code"])


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
