"""Reading over kafka-python, and moving a group's committed offsets, which only this client can do as we need it."""

import contextlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import kafka
from kafka import errors

from beam_jobs.kafka import client
from beam_jobs.kafka.client import CONNECT_S, FETCH_BYTES, FETCH_BYTES_PER_PARTITION, POLL_BYTES
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import OffsetsLost, offsets_lost, undecodable
from beam_jobs.kafka.kafka_python import commits, decoding
from beam_jobs.kafka.kafka_python.opening import connect, milliseconds
from beam_jobs.kafka.kafka_python.polling import ByteBudget
from beam_jobs.kafka.kafka_python.translation import one_line, why_unusable
from beam_jobs.kafka.records import Polled
from schemas.errors import ServiceError

_FIELDS = 1, 3, 4, 6, 7, 8  # of kafka-python's ConsumerRecord, those that are the columns of `Polled`


class Consumer(client.Consumer):
    """A consumer over kafka-python, which can also move the committed offsets of its group."""

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
            raise why_unusable(self._servers, topic)
        self.partitions: tuple[int, ...] = tuple(sorted(found))
        self.full = False
        self._budget = ByteBudget(self._consumer._fetcher)

    def beginning_offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        with self._errors("asking for first offsets"):
            found = self._consumer.beginning_offsets(
                self._topic_partitions(partitions), timeout_ms=milliseconds(CONNECT_S)
            )
        return {tp.partition: offset for tp, offset in found.items()}

    def end_offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        with self._errors("asking for end offsets"):
            found = self._consumer.end_offsets(self._topic_partitions(partitions), timeout_ms=milliseconds(CONNECT_S))
        return {tp.partition: offset for tp, offset in found.items()}

    def offsets_at(self, partitions: Sequence[int], time_ms: int) -> dict[int, int]:
        """Return the first offset of each partition whose record is not older than that, its end if there is none."""
        with self._errors("asking for offsets by time"):
            found = self._consumer.offsets_for_times(
                dict.fromkeys(self._topic_partitions(partitions), time_ms), timeout_ms=milliseconds(CONNECT_S)
            )
        late = [tp.partition for tp, answer in found.items() if answer is None]
        ends = self.end_offsets(late) if late else {}
        return ends | {tp.partition: answer.offset for tp, answer in found.items() if answer is not None}

    def find_partitions(self) -> tuple[int, ...]:
        with self._errors("asking for partitions"):
            self._consumer.topics()
            found = self._consumer.partitions_for_topic(self._topic)
        self.partitions = tuple(sorted(found or self.partitions))
        return self.partitions

    def committed(self, partitions: Sequence[int]) -> dict[int, int]:
        return {partition: offset for partition, (offset, _) in self.committed_notes(partitions).items()}

    def committed_notes(self, partitions: Sequence[int], timeout_s: float = CONNECT_S) -> dict[int, tuple[int, str]]:
        """Return the group's committed offsets with the text that is kept beside each."""
        with self._errors(f"reading the committed offsets of group {self._group!r}"):
            coordinator = self._consumer._coordinator
            coordinator._offset_fetch_futures.clear()  # an answer that came too late would be old
            found = coordinator.fetch_committed_offsets(
                self._topic_partitions(partitions), timeout_ms=milliseconds(timeout_s)
            )
        return {tp.partition: (answer.offset, answer.metadata or "") for tp, answer in found.items()}

    def commit(self, offsets: Mapping[int, int], note: str = "", timeout_s: float = CONNECT_S) -> None:
        """Move the group's committed offsets, with a text beside each, and wait for the broker's answer."""
        wanted = {
            kafka.TopicPartition(self._topic, partition): kafka.structs.OffsetAndMetadata(offset, note, -1)
            for partition, offset in offsets.items()
        }
        with self._errors(f"committing offsets of group {self._group!r} (does another consumer use this group?)"):
            self._consumer.commit(wanted, timeout_ms=milliseconds(timeout_s))

    def topic_id(self, timeout_s: float = CONNECT_S) -> str | None:
        """Ask for the topic's id as it is now; None if the broker has no ids. A topic made anew has another."""
        with self._errors("asking for the topic's id"):
            return commits.topic_id(self._consumer, self._topic, timeout_s)

    def go_to(self, offsets: Mapping[int, int]) -> None:
        topic_partitions = self._topic_partitions(sorted(offsets))
        if set(topic_partitions) != self._consumer.assignment():
            self._consumer.assign(topic_partitions)
        self._consumer.resume(*topic_partitions)
        now = self.positions()
        for tp in topic_partitions:
            if now.get(tp.partition) != offsets[tp.partition]:
                self._consumer.seek(tp, offsets[tp.partition])

    def poll(self, timeout_s: float, max_records: int, max_bytes: int = POLL_BYTES) -> Polled:
        self._budget.left = max_bytes
        with self._errors("reading"):
            try:
                found = self._consumer.poll(timeout_ms=milliseconds(timeout_s), max_records=max_records)
            except errors.OffsetOutOfRangeError as error:
                raise self._lost(error) from None
            except errors.LogTruncationError as error:
                raise self._truncated(error) from None
            except decoding.UndecodableBatch as error:
                raise self._undecodable(error) from None
        polled = _polled(found.values())
        self.full = self._budget.left <= 0 or len(polled) >= max_records
        return polled

    def positions(self) -> dict[int, int]:
        state = self._consumer._subscription.assignment  # `position()` would ask the broker if none is known
        return {tp.partition: at.position.offset for tp, at in state.items() if at.position is not None}

    def high_waters(self) -> dict[int, int]:
        found = {tp.partition: self._consumer.highwater(tp) for tp in self._consumer.assignment()}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def pause(self, partition: int) -> None:
        self._consumer.pause(kafka.TopicPartition(self._topic, partition))

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=2_000)

    def _topic_partitions(self, partitions: Sequence[int]) -> list[kafka.TopicPartition]:
        return [kafka.TopicPartition(self._topic, partition) for partition in partitions]

    def _errors(self, doing: str) -> contextlib.AbstractContextManager[None]:
        return one_line(self._servers, f"{doing} (topic {self._topic!r})")

    def _undecodable(self, error: decoding.UndecodableBatch) -> ServiceError:
        records = self._consumer._fetcher._next_partition_records  # it stays there until the consumer is closed
        partition = records.topic_partition.partition
        return undecodable(self._servers, self._topic, partition, error.first, error.last, error.why)

    def _lost(self, error: errors.OffsetOutOfRangeError) -> OffsetsLost:
        tp, wanted = next(iter(error.args[0].items()))
        first = self.beginning_offsets([tp.partition])[tp.partition]
        end = self.end_offsets([tp.partition])[tp.partition]
        return offsets_lost(self._servers, self._topic, tp.partition, wanted, first, end)

    def _truncated(self, error: errors.LogTruncationError) -> OffsetsLost:
        tp = next(iter(error.divergent_offsets))
        end = self.end_offsets([tp.partition])[tp.partition]
        wanted = self.positions().get(tp.partition, end)
        return offsets_lost(self._servers, self._topic, tp.partition, wanted, 0, end)


def _polled(runs: Iterable[Sequence[Any]]) -> Polled:
    """Return the library's records, of which each run is of one partition, by column."""
    fields = list(zip(*itertools.chain.from_iterable(runs), strict=True))  # a third faster than taking only some
    return Polled(*(list(fields[field]) for field in _FIELDS)) if fields else Polled()
