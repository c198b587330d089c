"""Records of real topics, for tests: put them there, read them back."""

import time

import kafka
from kafka.admin import ConfigResource, ConfigResourceType

from beam_jobs.kafka.client import BATCH_BYTES
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.records import Outgoing, Record
from beam_jobs.kafka.topics.contents import read_topic


def put(
    servers: str | Connection, topic: str, partition: int, values, keys=None, timestamps_ms=None, headers=None
) -> None:
    """Send to one partition and wait."""
    count = len(values)
    records = Outgoing([partition] * count, timestamps_ms or [0] * count, keys or [None] * count, list(values), headers)
    producer = Producer(servers)
    try:
        for delivery in producer.send(topic, partition, records, BATCH_BYTES):
            delivery.wait(20)
    finally:
        producer.close()


def read(servers: str | Connection, topic: str) -> list[Record]:
    """Return all records that the topic has now, by partition, in order."""
    return read_topic(servers, topic)


def end_of(servers: str, topic: str) -> int:
    """Return how many offsets the topic has had, all partitions together."""
    consumer = Consumer(servers, topic)
    try:
        return sum(consumer.end_offsets(consumer.partitions).values())
    finally:
        consumer.close()


def committed(servers: str, topic: str, group: str) -> dict[int, int]:
    """Return the group's committed offsets."""
    consumer = Consumer(servers, topic, group)
    try:
        return consumer.committed(consumer.partitions)
    finally:
        consumer.close()


def commit(servers: str, topic: str, group: str, offsets: dict[int, int]) -> None:
    """Commit offsets for a group."""
    consumer = Consumer(servers, topic, group)
    try:
        consumer.commit(offsets)
    finally:
        consumer.close()


def add_partitions(servers: str, topic: str, count: int) -> None:
    """Give a topic so many partitions and wait until the broker tells of them."""
    admin = kafka.KafkaAdminClient(bootstrap_servers=servers)
    admin.create_partitions({topic: count})
    while len(admin.describe_topics([topic])[0]["partitions"]) < count:
        time.sleep(0.05)
    admin.close()


def cut(servers: str, topic: str, begins: dict[int, int]) -> None:
    """Let the logs of these partitions begin there: what stands before is gone, as when retention takes it."""
    admin = kafka.KafkaAdminClient(bootstrap_servers=servers)
    admin.delete_records({kafka.TopicPartition(topic, partition): offset for partition, offset in begins.items()})
    admin.close()


def make_anew(servers: str, topic: str, partitions: int) -> None:
    """Delete a topic with all that it holds and make it again under its name, with the settings that it had.

    With other ones the broker would remove records of tests, as old as 1970, whenever it looks at retention.
    """
    admin = kafka.KafkaAdminClient(bootstrap_servers=servers)
    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])["topic"][topic]
    configs = {name: entry["value"] for name, entry in found.items()}
    wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
    admin.delete_topics([topic])
    while admin.describe_topics([topic])[0]["error_code"] == 0:
        time.sleep(0.05)
    admin.create_topics({topic: wanted}, wait_for_metadata=True)
    admin.close()
