"""Sending over confluent-kafka (librdkafka): every delivery is waited for, every refusal is raised."""

import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as Writing

from beam_jobs.kafka import client
from beam_jobs.kafka.client import BATCH_BYTES, CONNECT_S, DELIVERY_S, MAX_REQUEST_BYTES
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import not_acknowledged, refused_records, unusable_topic
from beam_jobs.kafka.librdkafka.options import shared_options
from beam_jobs.kafka.partitions import PartitionCounts
from beam_jobs.kafka.records import Outgoing
from schemas.errors import ServiceError


class Delivery(client.Delivery):
    """Records on their way over librdkafka, each of which has its own answer."""

    def __init__(self, servers: Connection, topic: str, partition: int, records: Outgoing, producer: Any):
        self._servers, self._partition = servers, f"topic {topic!r} partition {partition}"
        self._left, self._producer, self._records = len(records), producer, records
        self._answers, self._refused_rows = 0, list[int]()  # of brokers, in the order of the rows that are not refused
        self._error: Any = None
        self._bad = (0, 0)  # first and last row that it is of
        self.done_at = 0.0

    def arrived(self, error: Any, _: Any) -> None:
        """Take the broker's answer for one record; they come in the order of the records."""
        if error is not None:
            self._take(error, self._row(self._answers))
        self._answers += 1
        self._settle_one()

    def refused(self, error: Any, row: int) -> None:
        """Take that the library refuses a record before any broker has seen it."""
        self._take(error, row)
        self._refused_rows.append(row)
        self._settle_one()

    def _settle_one(self) -> None:
        self._left -= 1
        if not self._left:
            self.done_at = time.perf_counter()

    def _row(self, answer: int) -> int:
        """Return the row of a broker's answer, by its number."""
        for row in self._refused_rows:
            answer += row <= answer
        return answer

    def _take(self, error: Any, row: int) -> None:
        if self._error is None or self._error.code() == KafkaError._INVALID_DIFFERENT_RECORD:
            self._error, self._bad = error, (row, row)
        elif error.code() == self._error.code():
            self._bad = min(self._bad[0], row), max(self._bad[1], row)

    def __str__(self) -> str:
        return f"{self._servers}: a batch for {self._partition}"

    @property
    def done(self) -> bool:
        if self._left:
            self._producer.poll(0)
        return not self._left

    def settled(self, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while self._left and time.monotonic() < until:
            self._producer.poll(0.05)
        return not self._left

    def wait(self, timeout_s: float) -> None:
        if not self.settled(timeout_s):
            raise not_acknowledged(f"{self._servers}: {self._partition}", timeout_s)
        if self._error is not None:
            why = f"{self._error.name()}: {self._error.str()}"
            if self._error.code() == KafkaError.INVALID_RECORD:
                why += " (the broker says why only to --kafka-client kafka-python)"
            first, last = map(self._records.source, self._bad)
            raise refused_records(f"{self._servers}: {self._partition}", first, last, why)


class Producer(client.Producer):
    """A producer over librdkafka, which takes a queue of its own for every size of batches."""

    def __init__(self, servers: Connection | str, connect_s: float = CONNECT_S, delivery_s: float = DELIVERY_S):
        self._servers, self.delivery_s = Connection.of(servers), delivery_s
        self._options = shared_options(self._servers, connect_s) | {
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": int(delivery_s * 1000),
            "message.max.bytes": MAX_REQUEST_BYTES,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 256 << 10,
            "linger.ms": 1,
        }
        self._producers: dict[int, Any] = {}  # by the largest batch
        self._counts = PartitionCounts(self._ask_count, self._ask_count)

    def partition_count(self, topic: str, at_least: int = 0) -> int:
        return self._counts.of(topic, at_least)

    def _ask_count(self, topic: str) -> int:
        for producer in list(self._producers.values()) or [self._producer(BATCH_BYTES)]:  # each knows by its own asking
            try:
                found = producer.list_topics(topic, CONNECT_S).topics[topic]
            except KafkaException as error:
                raise ServiceError(f"{self._servers}: {error.args[0].str()} (topic {topic!r})") from None
            if found.error is not None or not found.partitions:
                raise unusable_topic(self._servers, topic, found.error.code() if found.error is not None else 0)
            count = len(found.partitions)
        return count

    def send(self, topic: str, partition: int, records: Outgoing, max_batch_bytes: int) -> list[Delivery]:
        self.partition_count(topic)
        producer = self._producer(max_batch_bytes)
        delivery = Delivery(self._servers, topic, partition, records, producer)
        arrived, produce = delivery.arrived, producer.produce
        headers: Sequence[Any] = records.headers or [[]] * len(records)
        columns = records.keys, records.values, records.timestamps_ms, headers
        for row, (key, value, timestamp, names) in enumerate(zip(*columns, strict=True)):
            while True:
                try:
                    produce(topic, value, key, partition, on_delivery=arrived, timestamp=timestamp, headers=names)
                    break
                except BufferError:  # the queue is full: wait for answers
                    producer.poll(0.05)
                except KafkaException as error:
                    delivery.refused(error.args[0], row)
                    break
        return [delivery]

    def close(self) -> None:
        for producer in self._producers.values():
            producer.purge()
            producer.flush(2)

    def _producer(self, max_batch_bytes: int) -> Any:
        if max_batch_bytes not in self._producers:
            self._producers[max_batch_bytes] = Writing(self._options | {"batch.size": max_batch_bytes})
        return self._producers[max_batch_bytes]
