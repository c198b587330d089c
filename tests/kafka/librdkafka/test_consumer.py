"""The client over librdkafka: stalls, errors in the middle of a fetch, refused and late sends.

The reader's tests run over it too. Here a script stands in librdkafka's place where no broker can be made to fail so.
"""

import collections
import concurrent.futures
import dataclasses
import types
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import OffsetsLost, Unavailable
from beam_jobs.kafka.kafka_python.decoding import RawName
from beam_jobs.kafka.librdkafka import consumer as client
from beam_jobs.kafka.librdkafka import producer as confluent_producer
from beam_jobs.kafka.librdkafka.consumer import Consumer
from beam_jobs.kafka.librdkafka.producer import Producer
from beam_jobs.kafka.records import Outgoing
from beam_jobs.stream.events import Outcome
from beam_jobs.stream.stream_job import TopicFacts
from schemas.errors import ServiceError
from tests.stream.write.test_writer import NONE, predictions, run
from tests.support.kafka_records import add_partitions, committed, put, read
from tests.support.stream_jobs import stream_job

Topic = collections.namedtuple("Topic", "error partitions")
Listed = collections.namedtuple("Listed", "topics")


class Message:
    """A record, or where `trouble` is a code of librdkafka's, an error of its partition."""

    def __init__(self, partition, offset, trouble=None):
        self._partition, self._offset = partition, offset
        self._error = None if trouble is None else KafkaError(trouble, "as scripted")

    def error(self):
        return self._error

    def partition(self):
        return self._partition

    def offset(self):
        return self._offset

    def key(self):
        return None

    def value(self):
        return b"%d" % self._offset

    def timestamp(self):
        return 1, 0

    def headers(self):
        return None


class Script:
    """librdkafka's consumer, which gives out what it is told and remembers what it was asked."""

    def __init__(self, _):
        self.coming: list[list[Message]] = []
        self.asked: list[tuple] = []
        self.ends: dict[int, tuple[int, int] | None] = {}

    def list_topics(self, topic, _=None):
        return Listed({topic: Topic(None, {0: None, 1: None})})

    def poll(self, _):
        return self.coming[0].pop(0) if self.coming else None

    def consume(self, count, timeout):
        assert timeout == 0
        taken = self.coming[0][:count]
        del self.coming[0][:count]
        if len(taken) < count:
            self.coming.pop(0)
        return taken

    def assign(self, topic_partitions):
        self.asked.append(("assign", {tp.partition: tp.offset for tp in topic_partitions}))

    def pause(self, topic_partitions):
        self.asked.append(("pause", [tp.partition for tp in topic_partitions]))

    def resume(self, topic_partitions):
        self.asked.append(("resume", [tp.partition for tp in topic_partitions]))

    def get_watermark_offsets(self, tp, cached):
        assert cached
        return self.ends.get(tp.partition)

    def close(self):
        pass


@pytest.fixture
def consumer(monkeypatch):
    monkeypatch.setattr(client, "shared_options", lambda *_: {})
    monkeypatch.setattr(client, "Reading", Script)
    made = Consumer("servers", "trips", "group")
    made.go_to({0: 0, 1: 0})
    return made


def offsets(polled):
    found: dict[int, list[Any]] = {}
    for partition, offset in zip(polled.partitions, polled.offsets, strict=True):
        found.setdefault(partition, []).append(offset)
    return found


def test_what_stands_before_an_error_comes_out_first_and_nothing_behind_it(consumer):
    consumer._consumer.coming = [
        [
            *(Message(0, 0), Message(0, 1, KafkaError._BAD_MSG), Message(0, 2)),
            *(Message(0, 3, KafkaError._PARTITION_EOF), Message(1, 0), Message(1, 1)),
        ],
        [Message(1, 2)],
    ]
    assert offsets(consumer.poll(1, 10)) == {0: [0], 1: [0, 1]}
    assert consumer.positions() == {0: 1, 1: 2}
    with pytest.raises(ServiceError, match=r"partition 0: the batch of offsets 1 to 1 cannot be decoded.*--offset 2"):
        consumer.poll(1, 10)
    assert consumer.positions() == {0: 1, 1: 2}


def test_partitions_stand_together_each_in_order_however_messages_come(consumer):
    consumer._consumer.coming = [[Message(partition, offset) for offset in range(40) for partition in (1, 0)]]
    polled = consumer.poll(1, 1_000)
    assert polled.partitions == [1] * 40 + [0] * 40
    assert polled.offsets == [*range(40), *range(40)]
    assert polled.values == [b"%d" % offset for offset in polled.offsets]
    assert (polled.timestamps_ms, polled.keys, polled.headers) == ([0] * 80, [None] * 80, [[]] * 80)
    assert consumer.positions() == {0: 40, 1: 40}


def test_an_error_with_nothing_before_it_is_raised_at_once(consumer):
    consumer._consumer.coming = [[Message(1, 0, KafkaError._BAD_COMPRESSION)]]
    with pytest.raises(ServiceError, match="partition 1: the batch of offsets 0 to 0 cannot be decoded"):
        consumer.poll(1, 10)


def test_errors_of_a_place_that_was_left_are_forgotten(consumer):
    consumer._consumer.coming = [[Message(0, 0), Message(0, 1, KafkaError._BAD_MSG)], [Message(0, 2)]]
    assert offsets(consumer.poll(1, 10)) == {0: [0]}
    consumer.go_to({0: 2, 1: 0})
    assert offsets(consumer.poll(1, 10)) == {0: [2]}


@pytest.mark.parametrize("trouble", [KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT])
def test_a_broker_that_is_away_for_a_while_is_no_error(consumer, trouble):
    consumer._consumer.coming = [[Message(0, 0, trouble), Message(0, 0)], [Message(1, 0, trouble)], [Message(0, 1)]]
    assert [offsets(consumer.poll(1, 10)) for _ in range(3)] == [{0: [0]}, {}, {0: [1]}]


def test_other_errors_are_raised_with_their_name(consumer):
    consumer._consumer.coming = [[Message(0, 0, KafkaError.TOPIC_AUTHORIZATION_FAILED)]]
    with pytest.raises(ServiceError, match=r"^servers: TOPIC_AUTHORIZATION_FAILED while reading \(topic 'trips'\)"):
        consumer.poll(1, 10)


def test_lost_offsets_say_where_the_log_goes_on(consumer, monkeypatch):
    monkeypatch.setattr(consumer, "beginning_offsets", lambda partitions: dict.fromkeys(partitions, 30))
    monkeypatch.setattr(consumer, "end_offsets", lambda partitions: dict.fromkeys(partitions, 40))
    consumer._consumer.coming = [[Message(0, 0, KafkaError._AUTO_OFFSET_RESET)]]
    with pytest.raises(OffsetsLost, match="offsets 0 to 29 are lost") as lost:
        consumer.poll(1, 10)
    assert (lost.value.partition, lost.value.wanted, lost.value.goes_on_at) == (0, 0, 30)


def test_the_end_of_a_partition_moves_its_position_and_never_back(consumer):
    end = KafkaError._PARTITION_EOF
    consumer._consumer.coming = [[Message(0, 0), Message(0, 4, end)], [Message(0, 2, end)]]
    assert offsets(consumer.poll(1, 10)) == {0: [0]}
    assert consumer.positions() == {0: 4, 1: 0}
    assert offsets(consumer.poll(1, 10)) == {}
    assert consumer.positions() == {0: 4, 1: 0}


def test_what_was_fetched_is_kept_where_reading_goes_on_and_what_was_paused_goes_on(consumer):
    asked = consumer._consumer.asked
    consumer._consumer.coming = [[Message(0, 0), Message(0, 1)]]
    consumer.poll(1, 10)
    consumer.go_to({0: 2, 1: 0})
    assert asked == [("assign", {0: 0, 1: 0})]
    consumer.pause(1)
    consumer.go_to({0: 2, 1: 0})
    consumer.go_to({0: 2, 1: 0})
    assert asked[1:] == [("pause", [1]), ("resume", [1])]
    consumer.pause(1)
    consumer.go_to({0: 1, 1: 0})
    consumer.go_to({0: 1, 1: 0})
    assert asked[3:] == [("pause", [1]), ("assign", {0: 1, 1: 0})], "an assignment begins unpaused"


def test_ends_are_those_that_the_broker_told(consumer):
    consumer._consumer.ends = {0: (0, 7), 1: (-1001, -1001)}
    assert consumer.high_waters() == {0: 7}


class Queue:
    """librdkafka's producer: what it takes is answered by the next poll."""

    def __init__(self, options):
        self.options, self.taken, self.polls = options, [], 0
        self.full, self.refuses, self.answers = 0, None, True
        self.waiting = []

    def list_topics(self, topic, _):
        return Listed({topic: Topic(None, {0: None})})

    def produce(self, topic, value, key, partition, on_delivery, timestamp, headers):
        if self.full:
            raise BufferError
        if value == self.refuses:
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "as scripted"))
        self.taken.append(value)
        self.waiting.append(on_delivery)

    def poll(self, _):
        self.polls += 1
        self.full = max(0, self.full - 1)
        while self.answers and self.waiting:
            error = KafkaError(self.answers, "as scripted") if self.answers is not True else None
            self.waiting.pop(0)(error, None)


@pytest.fixture
def producer(monkeypatch):
    monkeypatch.setattr(confluent_producer, "shared_options", lambda *_: {})
    monkeypatch.setattr(confluent_producer, "Writing", Queue)
    return Producer("servers")


def send(producer, *values, size=900):
    (delivery,) = producer.send("trips", 0, predictions(0, *values), size)
    return delivery, producer._producer(size)


def test_a_send_is_done_when_every_record_is_answered(producer):
    delivery, queue = send(producer, b"1", b"2")
    queue.answers = False
    assert not delivery.done
    assert not delivery.settled(0.01)
    with pytest.raises(
        ServiceError, match=r"topic 'trips' partition 0 did not acknowledge a batch within 0\.01 s; nothing"
    ):
        delivery.wait(0.01)
    queue.answers = True
    assert delivery.settled(10)
    assert delivery.done
    assert delivery.done_at > 0
    delivery.wait(0)


def test_a_refused_record_refuses_its_send(producer):
    delivery, queue = send(producer, b"1", b"2")
    queue.answers = KafkaError.NOT_ENOUGH_REPLICAS
    with pytest.raises(ServiceError, match=r"partition 0 refused .* number 0 to number 1: NOT_ENOUGH_REPLICAS: as scr"):
        delivery.wait(10)


def test_a_record_that_is_refused_at_once_does_not_hide(producer):
    producer._producer(900).refuses = b"2"
    delivery, queue = send(producer, b"1", b"2", b"3")
    assert queue.taken == [b"1", b"3"]
    with pytest.raises(ServiceError, match="refused the record of number 1: MSG_SIZE_TOO_LARGE"):
        delivery.wait(10)


def test_rows_are_counted_right_behind_one_that_is_refused_at_once(producer):
    producer._producer(900).refuses = b"2"
    delivery, queue = send(producer, *(b"%d" % number for number in range(6)))
    queue.answers = KafkaError.MSG_SIZE_TOO_LARGE
    with pytest.raises(ServiceError, match="of number 0 to number 5: MSG_SIZE_TOO_LARGE"):
        delivery.wait(10)


def test_a_full_queue_is_waited_for_and_nothing_is_left_out(producer):
    producer._producer(900).full = 3
    delivery, queue = send(producer, b"1", b"2")
    assert (queue.taken, queue.polls) == ([b"1", b"2"], 3)
    delivery.wait(10)


def test_every_size_of_batches_has_a_queue_of_its_own(producer):
    (_, small), (_, large) = send(producer, b"1", size=900), send(producer, b"2", size=9_000)
    assert [queue.options["batch.size"] for queue in (small, large)] == [900, 9_000]
    assert (small.taken, large.taken) == ([b"1"], [b"2"])
    assert (small.options["acks"], small.options["enable.idempotence"]) == ("all", True)


def test_outcomes_over_a_real_broker(broker, topics):
    source, good, bad = (topics(name, partitions=2) for name in ("source", "predictions", "rejected"))
    put(broker, source, 1, [b"x"] * 5)
    headers = [("a", None), ("a", b"\xff"), ("onegraph.reason", b"TYPE")]
    rejected = Outgoing([1, 1], [5, 1_400_000_000_000], [None, b""], [None, b"\x00"], [headers, []])
    where = Connection(servers=broker, kafka_client="confluent")
    job = stream_job(where, source, predictions=good, rejected=bad, group="confluent")
    run([Outcome(source, predictions(1, b"1", b"2", b"3", keys=[b"k", None, b"k"]), rejected, {1: 5})], job)
    assert [(one.partition, one.key, one.value) for one in read(broker, good)] == [
        (1, b"k", b"1"),
        (1, None, b"2"),
        (1, b"k", b"3"),
    ]
    assert [(one.key, one.value, one.timestamp_ms, one.headers) for one in read(broker, bad)] == [
        (None, None, 5, headers),
        (b"", b"\x00", 1_400_000_000_000, []),
    ]
    assert committed(broker, source, "confluent") == {1: 5}


def test_what_a_real_broker_refuses_commits_nothing(broker, topics):
    source, good = (topics(name, partitions=2) for name in ("source", "predictions"))
    small = topics("rejected", partitions=2, max_message_bytes=500)
    where = Connection(servers=broker, kafka_client="confluent")
    job = stream_job(where, source, predictions=good, rejected=small, group="refused")
    rejected = Outgoing([1], [0], [b"k"], [b"x" * 1000], [[]])
    with pytest.raises(ServiceError, match=rf"topic '{small}' partition 1 refused .*: MSG_SIZE_TOO_LARGE"):
        run([Outcome(source, predictions(1, b"1"), rejected, {1: 5})], job)
    assert committed(broker, source, "refused") == {}
    with pytest.raises(ServiceError, match="no topic 'nowhere'"):
        run(
            [Outcome(source, predictions(1, b"1"), NONE, {1: 5})],
            dataclasses.replace(job, predictions=TopicFacts("nowhere")),
        )


def test_a_header_name_that_is_not_utf8_ends_it_behind_what_stands_before(broker, topics):
    source = topics("source", partitions=1)
    put(broker, source, 0, [b"a", b"b", b"c"], headers=[[], [(RawName.of(b"x\xff"), b"1")], []])
    consumer = client.Consumer(broker, source)
    try:
        consumer.go_to({0: 0})
        assert consumer.poll(5, 10).values == [b"a"]
        with pytest.raises(ServiceError, match=r"a header name of offset 1 is not UTF-8.*--kafka-client kafka-py"):
            consumer.poll(5, 10)
    finally:
        consumer.close()


def test_offsets_that_are_not_told_are_not_offsets_that_are_not_there(consumer, monkeypatch):
    def committed(self, topic_partitions, timeout):
        topic_partitions[0].error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
        return topic_partitions

    monkeypatch.setattr(Script, "committed", committed, raising=False)
    monkeypatch.setattr(
        consumer, "_topic_partitions", lambda partitions: [types.SimpleNamespace(partition=0, offset=-1001)]
    )
    with pytest.raises(ServiceError, match="TOPIC_AUTHORIZATION_FAILED while reading the committed offsets"):
        consumer.committed([0])


class Refusing:
    """librdkafka's admin client, which answers every question with one error."""

    made, code = 0, KafkaError.NO_ERROR

    def __init__(self, _):
        Refusing.made += 1

    def list_offsets(self, asked, **_):
        answer: concurrent.futures.Future[None] = concurrent.futures.Future()
        answer.set_exception(KafkaException(KafkaError(self.code, "as scripted")))
        return dict.fromkeys(asked, answer)


MOVING = [
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
]


@pytest.mark.parametrize("code", [*client._OUTDATED, *MOVING])
def test_while_leaders_move_the_job_is_held_and_another_client_is_asked(consumer, monkeypatch, code):
    monkeypatch.setattr(Refusing, "code", code)
    monkeypatch.setattr(Refusing, "made", 0)
    monkeypatch.setattr(client, "AdminClient", Refusing)
    for number in (1, 2):
        with pytest.raises(Unavailable, match="asking for end offsets"):
            consumer.end_offsets([0])
        assert Refusing.made == number


def test_an_error_that_stays_ends_the_job(consumer, monkeypatch):
    monkeypatch.setattr(Refusing, "code", KafkaError.TOPIC_AUTHORIZATION_FAILED)
    monkeypatch.setattr(client, "AdminClient", Refusing)
    with pytest.raises(ServiceError, match=r"TOPIC_AUTHORIZATION_FAILED .*this user may not do that") as raised:
        consumer.end_offsets([0])
    assert not isinstance(raised.value, Unavailable)


def test_a_partition_that_only_others_know_of_yet_is_asked_for_again(broker, topics):
    topic = topics("grown", partitions=1)
    reading = Consumer(broker, topic)
    assert reading.end_offsets([0]) == {0: 0}
    add_partitions(broker, topic, 2)
    with pytest.raises(Unavailable, match=rf"_UNKNOWN_PARTITION while asking for end offsets \(topic '{topic}'\)"):
        reading.end_offsets([0, 1])
    assert reading.end_offsets([0, 1]) == {0: 0, 1: 0}
    reading.close()
