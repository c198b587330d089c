"""Topics that get partitions while a job runs: records stay where their source's number is, on both clients."""

import dataclasses

import pytest

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.partitions import partition_of_key
from beam_jobs.kafka.records import Outgoing
from beam_jobs.stream.events import Outcome
from beam_jobs.stream.write.writer import OutcomeWriter
from tests.support.kafka_records import add_partitions, read
from tests.support.stream_jobs import stream_job

NONE = Outgoing([], [], [], [])


@pytest.fixture(params=["kafka-python", "confluent"])
def job(request, broker, topics):
    predictions, rejected = topics("predictions", partitions=2), topics("rejected", partitions=2)
    where = Connection(servers=broker, kafka_client=request.param)
    return stream_job(where, "source", predictions=predictions, rejected=rejected)


def where(broker, topic):
    return {record.value: record.partition for record in read(broker, topic)}


def write(producer, job, *records):
    writer = OutcomeWriter(producer, job)
    partitions, keys, values = zip(*records, strict=True)
    sent = Outgoing(list(partitions), [1] * len(records), list(keys), list(values))
    writer.write(Outcome("source", sent, dataclasses.replace(sent, headers=[[] for _ in records]), {}))
    list(writer.acknowledged(0, lambda delivery: delivery.wait(20)))


def test_a_partition_that_was_added_to_all_topics_is_written_to_and_the_others_stay(job, broker):
    producer = open_producer(job.servers)
    try:
        write(producer, job, (0, b"a", b"a0"), (1, b"b", b"b1"))
        for topic in (job.predictions.name, job.rejected.name):
            add_partitions(broker, topic, 3)
        write(producer, job, (0, b"a", b"a2"), (1, b"b", b"b3"), (2, b"c", b"c4"))
        write(producer, job, (2, b"c", b"c5"))
    finally:
        producer.close()
    for topic in (job.predictions.name, job.rejected.name):
        assert where(broker, topic) == {b"a0": 0, b"b1": 1, b"a2": 0, b"b3": 1, b"c4": 2, b"c5": 2}


def test_a_partition_that_only_the_source_has_goes_by_its_keys_and_the_others_stay(job, broker):
    key = next(key for key in (b"%d" % number for number in range(9)) if partition_of_key(key, 2) == 1)
    producer = open_producer(job.servers)
    try:
        write(producer, job, (0, key, b"0"), (2, key, b"1"), (1, None, b"2"), (2, None, b"3"))
    finally:
        producer.close()
    assert where(broker, job.predictions.name) == {b"0": 0, b"1": 1, b"2": 1, b"3": 0}
