"""What the steps share: facts of topics as a real broker describes them, and nothing that must not travel."""

import cloudpickle

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.topics import topics as kafka_topics
from beam_jobs.process.run_files import Job
from beam_jobs.stream.stream_job import TopicFacts
from tests.support.stream_jobs import stream_job


def test_the_facts_of_a_topic_are_those_of_the_broker(broker, topics):
    name = topics("facts", max_message_bytes=5_000, message_timestamp_type="LogAppendTime")
    described = kafka_topics.required(broker, [name])[name]
    facts = TopicFacts.of(described)
    assert facts == TopicFacts(name, described.id, 5_000, broker_time=True)
    assert facts.id


def test_a_job_writes_to_a_topic_of_its_shadows_only_where_there_is_one():
    assert [topic.name for topic in stream_job().written] == ["predictions", "rejected"]
    assert [topic.name for topic in stream_job(shadow="shadows").written] == ["predictions", "rejected", "shadows"]


def test_runs_that_go_on_at_the_same_place_read_the_same():
    first = stream_job(Connection(servers="broker:9092", sasl_username="me"), "trips", name="first", hold_s=1.0)
    assert first.reads == stream_job("broker:9092", "trips", name="second").reads == "broker:9092/trips/group"
    assert stream_job("broker:9092", "trips", group="other").reads != first.reads


def test_a_job_says_about_itself_what_status_shows():
    wanted = Job(name="job", source_topic="trips", group="group", registry="/nowhere", runner="local")
    assert stream_job().about == wanted


def test_a_job_travels_as_it_is_and_is_a_key():
    job = stream_job(Connection(servers="broker:9092"), shadow="shadows")
    assert cloudpickle.loads(cloudpickle.dumps(job)) == job
    assert len({job, cloudpickle.loads(cloudpickle.dumps(job))}) == 1
