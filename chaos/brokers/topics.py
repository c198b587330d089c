"""The topics of one job: made, read back, cut, grown, and the offsets that its group has committed."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import kafka

from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.records import Record
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.contents import read_topic

PARTITIONS = 8
_SOURCE_BYTES = 2 << 20

Names = tuple[str, str, str]  # source, predictions and rejected topic


class SeedTopics:
    """What is done to topics on the brokers at `servers`."""

    def __init__(self, servers: str):
        self._servers = servers

    def make(self, name: str) -> Names:
        """Make source, predictions and rejected topic of that name."""
        names = f"{name}.source", f"{name}.predictions", f"{name}.rejected"
        topics.create(self._servers, topics.for_scoring(*names, PARTITIONS, _SOURCE_BYTES))
        return names

    def read(self, topic: str) -> list[Record]:
        """Read a topic to its end with a fresh consumer that sees committed records only."""
        return read_topic(self._servers, topic)

    def ends(self, topic: str) -> dict[int, int]:
        """Return the end of every partition of a topic."""
        with self._consumer(topic) as consumer:
            return consumer.end_offsets(consumer.partitions)

    def committed(self, topic: str, group: str) -> dict[int, int]:
        """Return the offsets that a group has committed."""
        with self._consumer(topic, group) as consumer:
            return consumer.committed(consumer.partitions)

    def commit(self, topic: str, group: str, offsets: Mapping[int, int]) -> None:
        """Commit offsets for a group."""
        with self._consumer(topic, group) as consumer:
            consumer.commit(dict(offsets))

    def cut(self, topic: str, first: int) -> None:
        """Let every partition begin at that offset, as retention does."""
        with self._admin() as admin:
            admin.delete_records({kafka.TopicPartition(topic, partition): first for partition in range(PARTITIONS)})

    def add_a_partition(self, names: Sequence[str]) -> int:
        """Add one partition to every topic and return its number."""
        with self._admin() as admin:
            admin.create_partitions(dict.fromkeys(names, PARTITIONS + 1))
        return PARTITIONS

    def remove(self, names: Sequence[str]) -> None:
        """Remove topics that are done with: brokers that start again have less to look through."""
        with self._admin() as admin:
            admin.delete_topics(list(names))

    @contextlib.contextmanager
    def _consumer(self, topic: str, group: str | None = None) -> Iterator[Consumer]:
        consumer = Consumer(self._servers, topic, group)
        try:
            yield consumer
        finally:
            consumer.close()

    @contextlib.contextmanager
    def _admin(self) -> Iterator[kafka.KafkaAdminClient]:
        admin = kafka.KafkaAdminClient(bootstrap_servers=self._servers)
        try:
            yield admin
        finally:
            admin.close()
