"""The writer: everything is acknowledged before anything is committed, and order is kept."""

import hashlib
import time

import apache_beam as beam
import kafka
import pytest

from beam_jobs.kafka.client import BATCH_BYTES
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.partitions import partition_of_key
from beam_jobs.kafka.records import Outgoing
from beam_jobs.monitoring import measures
from beam_jobs.runners import runners
from beam_jobs.runners.in_process.run import run_pipeline
from beam_jobs.stream.events import Outcome
from beam_jobs.stream.stream_job import TopicFacts
from beam_jobs.stream.write.writer import OutcomeWriter, WriteOutcomes, WrittenBundle
from schemas.errors import ServiceError
from tests.support.kafka_records import committed, put, read
from tests.support.stream_jobs import stream_job

NONE = Outgoing([], [], [], [], [])


def predictions(partition, *values, keys=None):
    return Outgoing([partition] * len(values), [0] * len(values), list(keys or values), list(values))


class FakeDelivery:
    def __init__(self, name, log):
        self.name, self.log, self.done, self.fails = name, log, False, False
        self.done_at = time.perf_counter() + 0.25

    def settled(self, timeout_s):
        return True

    def wait(self, timeout_s):
        self.log.append(f"waited for {self.name}")
        if self.fails:
            raise ServiceError(f"{self.name} refused")
        self.done = True


class FakeProducer:
    def __init__(self):
        self.sent, self.log, self.deliveries = [], [], []
        self.asked = {}

    def partition_count(self, topic, at_least=0):
        self.asked[topic] = at_least
        return {"predictions": 4, "rejected": 3}[topic]

    def send(self, topic, partition, records, max_batch_bytes):
        self.sent.append((topic, partition, records.values))
        self.deliveries.append(FakeDelivery(f"{topic}-{partition}", self.log))
        return self.deliveries[-1:]


JOB = stream_job(source="t")


@pytest.fixture
def producer():
    return FakeProducer()


@pytest.fixture
def writer(producer):
    return OutcomeWriter(producer, JOB)


def test_a_record_goes_to_the_partition_of_its_source_s_number_else_to_that_of_its_key(writer, producer):
    both = Outgoing([2, 0, 2], [1, 2, 3], [b"a", b"b", None], [b"1", b"2", b"3"])
    rejected = Outgoing([3, 1, 3], [1, 2, 3], [b"a", b"b", None], [b"4", b"5", b"6"], [[], [], []])
    writer.write(Outcome("t", both, rejected, {}))
    assert producer.sent[:2] == [("predictions", 2, [b"1", b"3"]), ("predictions", 0, [b"2"])]
    by_number = {partition: values for topic, partition, values in producer.sent[2:]}
    assert b"5" in by_number[1]
    assert b"4" in by_number[partition_of_key(b"a", 3)]
    assert producer.asked == {"predictions": 3, "rejected": 4}, "a topic is asked for what the records need"
    assert b"6" in by_number[3 % 3]


def test_acknowledged_in_order_and_only_when_all_has_arrived(writer, producer):
    first = Outcome("t", predictions(0, b"1"), Outgoing([0], [0], [None], [b"x"], [[]]), {0: 1})
    second = Outcome("t", predictions(1, b"2"), NONE, {1: 1})
    writer.write(first)
    writer.write(second)
    producer.deliveries[2].done = True
    assert list(writer.acknowledged(at_most_waiting=2, wait=lambda one: one.wait(1))) == []
    producer.deliveries[0].done = True
    assert list(writer.acknowledged(at_most_waiting=2, wait=lambda one: one.wait(1))) == []
    producer.deliveries[1].done = True
    assert list(writer.acknowledged(at_most_waiting=2, wait=lambda one: one.wait(1))) == [first, second]


def test_the_time_until_the_answer_is_told_and_with_broker_time_the_whole_way(producer):
    measures.STORE.clear()
    writer = OutcomeWriter(producer, stream_job(source=TopicFacts("t", broker_time=True)))
    came = int((time.time() - 5) * 1000)
    old = Outgoing([0], [came], [None], [b"x"], [[]])
    writer.write(Outcome("t", Outgoing([0, 0], [came + 900, came + 950], [b"", b""], [b"1", b"2"]), old, {0: 1}))
    list(writer.acknowledged(at_most_waiting=0, wait=lambda one: one.wait(1)))
    for stage, wanted in {"write": 0.25, "total": 5.25}.items():
        (series,) = [one for one in measures.STORE.series("stage_seconds") if one.labels == (stage,)]
        assert sum(series.counts) == 3, "once per event"
        assert series.value / 3 == pytest.approx(wanted, abs=0.1)


def test_the_end_of_a_bundle_waits_for_every_send(writer, producer):
    writer.write(Outcome("t", predictions(0, b"1"), Outgoing([0], [0], [None], [b"x"], [[]]), {0: 1}))
    assert len(list(writer.acknowledged(at_most_waiting=0, wait=lambda one: one.wait(1)))) == 1
    assert producer.log == ["waited for predictions-0", "waited for rejected-0"]


def test_nothing_behind_a_failed_send_is_acknowledged(writer, producer):
    for partition in range(3):
        writer.write(Outcome("t", predictions(partition, b"1"), NONE, {partition: 1}))
    producer.deliveries[1].fails = True
    acknowledged = writer.acknowledged(at_most_waiting=0, wait=lambda one: one.wait(1))
    assert next(acknowledged).next_offsets == {0: 1}
    with pytest.raises(ServiceError, match="predictions-1 refused"):
        next(acknowledged)
    with pytest.raises(ServiceError, match="predictions-1 refused"):
        list(writer.acknowledged(at_most_waiting=0, wait=lambda one: one.wait(1)))


@pytest.mark.parametrize("fails", [False, True])
def test_offsets_are_committed_behind_the_sends_only(producer, fails):
    class Committer:
        def commit(self, offsets):
            producer.log.append(f"committed {offsets}")

    bundle = WrittenBundle(producer, Committer(), JOB)
    bundle.write(Outcome("t", predictions(1, b"1"), Outgoing([1], [0], [None], [b"x"], [[]]), {1: 2}))
    producer.deliveries[1].fails = fails
    if fails:
        with pytest.raises(ServiceError, match="rejected-1 refused"):
            bundle.finish()
        assert producer.log == ["waited for predictions-1", "waited for rejected-1"]
    else:
        bundle.finish()
        assert producer.log == ["waited for predictions-1", "waited for rejected-1", "committed {1: 2}"]


def test_a_commit_that_fails_fails_the_bundle(producer):
    class Committer:
        def commit(self, offsets):
            raise ServiceError("the group has members")

    bundle = WrittenBundle(producer, Committer(), JOB)
    bundle.write(Outcome("t", predictions(1, b"1"), NONE, {1: 2}))
    with pytest.raises(ServiceError, match="has members"):
        bundle.finish()


def to(servers, good, bad, source, group):
    return stream_job(servers, source, predictions=good, rejected=bad, group=group)


def run(outcomes, job):
    pipeline = beam.Pipeline(options=runners.pipeline_options("local", streaming=True))
    _ = pipeline | beam.Create(outcomes, reshuffle=False) | WriteOutcomes(job)
    run_pipeline(pipeline)


@pytest.fixture
def three(topics):
    return topics("source", partitions=2), topics("predictions", partitions=2), topics("rejected", partitions=2)


def test_all_of_it_on_a_real_broker(broker, three):
    source, good, bad = three
    put(broker, source, 1, [b"x"] * 5)
    headers = [("a", None), ("a", b"\xff"), ("onegraph.reason", b"TYPE")]
    rejected = Outgoing([1, 1], [-1, 1_400_000_000_000], [None, b""], [None, b"\x00"], [headers, []])
    outcome = Outcome(source, predictions(1, b"1", b"2", b"3", keys=[b"k", None, b"k"]), rejected, {1: 5})
    run([outcome], to(broker, good, bad, source, "group"))
    assert [(one.partition, one.key, one.value) for one in read(broker, good)] == [
        (1, b"k", b"1"),
        (1, None, b"2"),
        (1, b"k", b"3"),
    ]
    assert [(one.key, one.value, one.timestamp_ms, one.headers) for one in read(broker, bad)] == [
        (None, None, -1, headers),
        (b"", b"\x00", 1_400_000_000_000, []),
    ]
    assert committed(broker, source, "group") == {1: 5}


def test_what_the_broker_refuses_stops_the_job_and_commits_nothing(broker, three, topics):
    source, good, _ = three
    small = topics("rejected", partitions=2, max_message_bytes=500)
    rejected = Outgoing([1], [0], [b"k"], [b"x" * 1000], [[]])
    with pytest.raises(ServiceError, match=rf"topic '{small}' partition 1 refused the record of .*: MessageSizeTooL"):
        run([Outcome(source, predictions(1, b"1"), rejected, {1: 5})], to(broker, good, small, source, "refused"))
    assert committed(broker, source, "refused") == {}


def test_a_rejected_record_too_large_for_its_topic_is_sent_as_a_stub(broker, three, topics):
    source, good, _ = three
    small = topics("rejected", partitions=2, max_message_bytes=1_000)
    ours = [("onegraph.reason", b"TYPE"), ("onegraph.source", b"t/1/0"), ("onegraph.attempt", b"1")]
    large = b"x" * 2_000
    values: list[bytes | None] = [large, b"fits"]
    rejected = Outgoing([1, 1], [5, 6], [b"k", b"k"], values, [[("theirs", b"y"), *ours], [("theirs", b"y"), *ours]])
    outcome = Outcome(source, predictions(1, b"1"), rejected, {1: 5})
    run([outcome], to(broker, good, TopicFacts(small, max_message_bytes=1_000), source, "stubs"))
    stub, whole = read(broker, small)
    sha256 = hashlib.sha256(large).hexdigest().encode()
    assert (stub.key, stub.value, stub.timestamp_ms) == (b"k", None, 5)
    assert stub.headers == [*ours, ("onegraph.value_sha256", sha256), ("onegraph.value_bytes", b"2000")]
    assert (whole.value, whole.headers) == (b"fits", [("theirs", b"y"), *ours])
    assert committed(broker, source, "stubs") == {1: 5}


def test_no_such_topic(broker, three):
    source, _, bad = three
    with pytest.raises(ServiceError, match="no topic 'nowhere'"):
        run([Outcome(source, predictions(1, b"1"), NONE, {1: 5})], to(broker, "nowhere", bad, source, "group"))


def test_the_key_decides_as_in_kafkas_own_clients(broker, topics):
    topic = topics("keys", partitions=5)
    theirs = kafka.KafkaProducer(bootstrap_servers=broker)
    for number in range(20):
        key = b"key-%d" % number
        assert theirs.send(topic, b"", key=key).get(10).partition == partition_of_key(key, 5)
    theirs.close()


@pytest.fixture(params=["kafka-python", "confluent"])
def refusal(request, broker):
    """Sends and returns what the refusal says, with its client."""

    def send(topic, records, max_batch_bytes=BATCH_BYTES):
        producer = open_producer(Connection(servers=broker, kafka_client=request.param))
        try:
            for delivery in producer.send(topic, 0, records, max_batch_bytes):
                delivery.wait(60)
        except ServiceError as error:
            return str(error), request.param
        finally:
            producer.close()
        raise AssertionError("not refused")

    return send


def keyed(*keys, value=b"x"):
    count = len(keys)
    offsets = list(range(17, 17 + count))
    return Outgoing([0] * count, [0] * count, list(keys), [value] * count, None, "trips", offsets)


def test_a_refusal_names_the_source_record_and_the_brokers_reason(topics, refusal):
    compacted = topics("compacted", cleanup_policy="compact")
    said, client = refusal(compacted, keyed(b"a", b"b", None, b"c"))
    assert f"topic '{compacted}' partition 0 refused " in said
    if client == "kafka-python":
        assert "refused the record of trips/0/19: InvalidRecordError: Compacted topic cannot accept message wit" in said
    else:  # librdkafka gives the error of one to all of its batch
        assert "refused one or more of the records of trips/0/17 to trips/0/20: INVALID_RECORD: " in said
        assert "--kafka-client kafka-python" in said
    assert "\n" not in said


def test_the_first_of_several_bad_records_is_named(topics, refusal):
    said, client = refusal(topics("compacted", cleanup_policy="compact"), keyed(b"a", b"b", None, b"c", None))
    named = "the record of trips/0/19" if client == "kafka-python" else "records of trips/0/19 to trips/0/21"
    assert f"{named}: " in said


def test_a_bad_record_of_a_later_batch_is_named_by_its_own_event(topics, refusal):
    keys = [b"k"] * 700 + [None] + [b"k"] * 299
    said, client = refusal(topics("compacted", cleanup_policy="compact"), keyed(*keys, value=b"x" * 100), 10_000)
    if client == "kafka-python":
        assert "the record of trips/0/717: " in said
    else:
        assert "records of trips/0/" in said


def test_a_record_that_is_too_large_for_its_topic_is_named(topics, refusal):
    said, _ = refusal(topics("small", max_message_bytes=500), keyed(b"a", value=b"x" * 1_000))
    assert "refused the record of trips/0/17: M" in said
    assert "MessageSizeTooLargeError: " in said or "MSG_SIZE_TOO_LARGE: " in said
