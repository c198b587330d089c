"""Sending over kafka-python, whole batches at once (`batches.py`)."""

import kafka
from kafka import errors

from beam_jobs.kafka import client
from beam_jobs.kafka.client import CONNECT_S, DELIVERY_S, MAX_REQUEST_BYTES
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.kafka_python import batches, outage
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.kafka_python.delivery import Delivery
from beam_jobs.kafka.kafka_python.opening import connect, milliseconds
from beam_jobs.kafka.kafka_python.translation import why_unusable
from beam_jobs.kafka.partitions import PartitionCounts
from beam_jobs.kafka.records import Outgoing


class Producer(client.Producer):
    """A producer over kafka-python."""

    def __init__(self, servers: Connection | str, connect_s: float = CONNECT_S, delivery_s: float = DELIVERY_S):
        self._servers, self.delivery_s = Connection.of(servers), delivery_s
        self._producer = connect(
            kafka.KafkaProducer,
            servers,
            connect_s,
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            delivery_timeout_ms=milliseconds(delivery_s),
            max_block_ms=5_000,
            max_request_size=MAX_REQUEST_BYTES,
            metrics_enabled=False,
        )
        outage.wait_for_brokers(self._producer)
        self._counts = PartitionCounts(self._known_count, self._count_now)

    def partition_count(self, topic: str, at_least: int = 0) -> int:
        return self._counts.of(topic, at_least)

    def _known_count(self, topic: str) -> int:
        try:
            return len(self._producer.partitions_for(topic))
        except errors.KafkaError:  # also when no answer came in time
            raise why_unusable(self._servers, topic) from None

    def _count_now(self, topic: str) -> int:
        asking = Consumer(self._servers, topic)
        asking.close()
        return len(asking.partitions)

    def send(self, topic: str, partition: int, records: Outgoing, max_batch_bytes: int) -> list[Delivery]:
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
        try:
            self._producer.close(timeout=2)
        except errors.KafkaTimeoutError:  # something is not acknowledged; then the library leaves its thread running
            self._producer._sender.force_close()
            self._producer._sender.join(2)
            self._producer._closed = True
