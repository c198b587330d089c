"""What a broker with access lists must allow our user: with exactly that all works, and what is missing is named."""

import dataclasses

import pytest
from kafka.admin import ACLOperation, ResourceType

from beam_jobs.kafka.client import BATCH_BYTES
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.libraries.choice import open_consumer, open_producer
from beam_jobs.kafka.records import Outgoing
from beam_jobs.kafka.topics import topics
from schemas.errors import ServiceError
from tests.support.kafka_records import commit, committed, end_of, put

READ, WRITE, DESCRIBE = ACLOperation.READ, ACLOperation.WRITE, ACLOperation.DESCRIBE
SETTINGS = ACLOperation.DESCRIBE_CONFIGS
NEEDED = {
    (ResourceType.TOPIC, "trips"): (READ, SETTINGS),  # who may read or write may describe
    (ResourceType.TOPIC, "scores"): (WRITE, SETTINGS),
    (ResourceType.TOPIC, "rejected"): (WRITE, SETTINGS),
    (ResourceType.GROUP, "scoring"): (READ,),
}


@pytest.fixture(scope="module")
def secure(secure):
    kept = {"retention.ms": "-1"}  # the event is of 1970: a broker that looks at retention would remove it
    topics.create(secure.plain, [topics.Topic(name, 1, kept) for name in ("trips", "scores", "rejected")])
    put(secure.plain, "trips", 0, [b"event"])
    return secure


@pytest.fixture
def us(secure):
    """Our login, with all that it needs."""
    for (kind, name), operations in NEEDED.items():
        secure.allow(kind, name, operations)
    return Connection(
        servers=secure.scram,
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="scorer",
        sasl_password_file=secure.file("password"),
        ssl_ca_file=secure.file("ca.pem"),
    )


def score(us):
    """Do with the broker what a scoring job does."""
    for topic in topics.required(us, ["trips", "scores", "rejected"]).values():
        assert topic.max_message_bytes > 0
        assert not topic.broker_time
    work(us)


def work(us):
    """Do what its workers do."""
    consumer, producer = open_consumer(us, "trips", "scoring"), open_producer(us)
    commits = Consumer(us, "trips", "scoring")  # whichever client reads
    try:
        consumer.committed([0])
        consumer.go_to(consumer.beginning_offsets([0]))
        while not len(found := consumer.poll(5, 10)):
            pass
        for topic in ("scores", "rejected"):
            assert producer.partition_count(topic) == 1
            [delivery] = producer.send(topic, 0, Outgoing([0], [0], [None], [found.values[0]]), BATCH_BYTES)
            delivery.wait(20)
        commits.commit({0: 1})
    finally:
        commits.close()
        consumer.close()
        producer.close()


@pytest.fixture(params=["kafka-python", "confluent"])
def client(request):
    """The name of the client library."""
    return request.param


def test_with_exactly_that_all_works(secure, us, client):
    before = [end_of(secure.plain, topic) for topic in ("scores", "rejected")]
    commit(secure.plain, "trips", "scoring", {0: 0})
    score(dataclasses.replace(us, kafka_client=client))
    assert [end_of(secure.plain, topic) for topic in ("scores", "rejected")] == [end + 1 for end in before]
    assert committed(secure.plain, "trips", "scoring") == {0: 1}


@pytest.mark.parametrize(
    ("name", "left", "says"),
    [
        ("trips", (), "may not Describe topic 'trips'"),
        ("scores", (), "may not Describe topic 'scores'"),
        ("trips", (READ,), "may not DescribeConfigs of topic 'trips'"),
    ],
)
def test_what_a_job_is_refused_at_its_start_is_named(secure, us, name, left, says):
    secure.allow(ResourceType.TOPIC, name, left)
    with pytest.raises(ServiceError, match=says) as refusal:
        score(us)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("kind", "name", "left", "says"),
    [
        (ResourceType.TOPIC, "trips", (), "may not Describe topic 'trips'"),
        (ResourceType.TOPIC, "trips", (DESCRIBE,), "reading .topic 'trips'.*may not do that"),
        (ResourceType.TOPIC, "scores", (), "may not Describe topic 'scores'"),
        (
            ResourceType.TOPIC,
            "rejected",
            (DESCRIBE,),
            "topic 'rejected' partition 0 refused .*: .*(TopicAuth|TOPIC_AUTH)",
        ),
        (ResourceType.GROUP, "scoring", (), "committed offsets of group 'scoring'.*may not do that"),
    ],
)
def test_what_a_worker_is_refused_is_named(secure, us, client, kind, name, left, says):
    secure.allow(kind, name, left)
    with pytest.raises(ServiceError, match=says) as refusal:
        work(dataclasses.replace(us, kafka_client=client))
    assert "\n" not in str(refusal.value)
