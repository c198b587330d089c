"""What the writer holds, and for how long: its limits are those of its job, and it commits while it goes on."""

import dataclasses
import time

import pytest

from beam_jobs.kafka.errors import Unavailable
from beam_jobs.kafka.records import Header, Outgoing
from beam_jobs.monitoring import measures
from beam_jobs.process import process_wide
from beam_jobs.stream.events import Outcome
from beam_jobs.stream.holding import HoldTimes
from beam_jobs.stream.rejected_records import with_stubs
from beam_jobs.stream.stream_job import TopicFacts
from beam_jobs.stream.write.writer import MAX_WAITING, OutcomeWriter, WrittenBundle, producer_of
from schemas.errors import ServiceError
from tests.stream.write.test_writer import JOB, NONE, FakeProducer, predictions
from tests.support.present import present
from tests.support.stream_jobs import stream_job


class Committer:
    """Remembers commits; the first ones may find no coordinator."""

    def __init__(self):
        self.commits, self.troubles = [], 0

    def commit(self, offsets):
        if self.troubles:
            self.troubles -= 1
            raise Unavailable("no coordinator")
        self.commits.append(dict(offsets))


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self):
        return self.now


class Unanswered(FakeProducer):
    """A broker that takes everything and says nothing until it is told to."""

    answers = False

    def send(self, topic, partition, records, max_batch_bytes):
        (delivery,) = super().send(topic, partition, records, max_batch_bytes)
        ends = time.monotonic() + 10

        def settled(timeout_s):
            assert time.monotonic() < ends, "held for too long"
            return self.answers

        delivery.settled = settled
        return [delivery]


@pytest.fixture
def bundle():
    """Begin a bundle: `bundle(producer, times, **changes of the job)`."""

    def begin(producer, times=HoldTimes(), **changes):  # noqa: B008 - frozen
        committer, clock = Committer(), Clock()
        return WrittenBundle(producer, committer, dataclasses.replace(JOB, **changes), clock, times), committer, clock

    return begin


def outcome(offset):
    return Outcome("t", predictions(1, b"%d" % offset), NONE, {1: offset})


def test_a_send_without_an_answer_is_held_as_long_as_the_job_says(bundle):
    written, committer, _ = bundle(Unanswered(), HoldTimes(look_s=0), hold_s=0.05)
    written.write(outcome(1))
    with pytest.raises(ServiceError, match="is not acknowledged after 0 s and --hold-ms is over; nothing behind"):
        written.finish()
    assert committer.commits == []


def test_the_stop_signal_of_the_job_ends_the_hold(bundle):
    process_wide.stop_signal("stopped writer").set()
    written, _, _ = bundle(Unanswered(), HoldTimes(stop_grace_s=0.05), hold_s=1e9, name="stopped writer")
    written.write(outcome(1))
    with pytest.raises(ServiceError, match="is not acknowledged after 0 s and the job was told to stop"):
        written.finish()


def test_a_commit_that_finds_nobody_is_tried_again(bundle):
    written, committer, _ = bundle(FakeProducer(), HoldTimes(first_pause_s=0.01))
    committer.troubles = 2
    written.write(outcome(7))
    written.finish()
    assert committer.commits == [{1: 7}]


def test_a_long_bundle_commits_on_its_way_and_nothing_twice(bundle):
    producer = FakeProducer()
    written, committer, clock = bundle(producer)
    written.write(outcome(1))
    assert committer.commits == []
    producer.deliveries[0].done = True
    clock.now += 2
    written.write(outcome(2))
    assert committer.commits == [{1: 1}]
    producer.deliveries[1].done = True
    written.write(outcome(3))
    assert committer.commits == [{1: 1}], "once a second"
    written.finish()
    assert committer.commits == [{1: 1}, {1: 3}]
    written.finish()
    assert len(committer.commits) == 2


def test_no_more_outcomes_wait_than_memory_is_meant_for(bundle):
    producer = FakeProducer()
    written, _, _ = bundle(producer)
    for offset in range(MAX_WAITING):
        written.write(outcome(offset))
    assert producer.log == []
    written.write(outcome(99))
    assert producer.log == ["waited for predictions-1"]


def test_the_library_is_more_patient_than_the_job_and_knows_the_topics():
    asked, closed = [], []

    class Producer(FakeProducer):
        def partition_count(self, topic, at_least=0):
            asked.append(topic)
            if topic == "nowhere":
                raise ServiceError("no topic 'nowhere'")
            return 4

        def close(self):
            closed.append(self)

    def opened(servers, delivery_s):
        asked.append(delivery_s)
        return Producer()

    producer_of(dataclasses.replace(JOB, hold_s=500.0), opened)
    assert asked == [530.0, "predictions", "rejected"]
    with pytest.raises(ServiceError, match="no topic 'nowhere'"):
        producer_of(stream_job(rejected="nowhere"), opened)
    assert len(closed) == 1


def test_stubs_are_counted_and_only_they():
    rejected = Outgoing([1, 1, 1], [0, 0, 0], [b"k"] * 3, [b"x" * 2_000, b"fits", b"y" * 2_000], [[], [], []])
    before = measures.STORE.value("stubs")
    for limit, stubs in ((1_000, 2), (10_000, 0)):
        producer = FakeProducer()
        job = stream_job(rejected=TopicFacts("rejected", max_message_bytes=limit))
        OutcomeWriter(producer, job).write(Outcome("t", NONE, rejected, {1: 3}))
        ((_, _, values),) = producer.sent
        assert values.count(None) == stubs
        assert measures.STORE.value("stubs") - before == 2


def test_a_stub_loses_a_key_that_would_not_fit_and_keeps_its_time():
    ours: list[Header] = [("onegraph.reason", b"TYPE"), ("onegraph.source", b"t/1/0"), ("onegraph.attempt", b"1")]
    rejected = Outgoing([1, 1], [5, 6], [b"k" * 2_000, b"k"], [b"v", None], [ours, [("theirs", b"x" * 2_000), *ours]])
    stubbed, count = with_stubs(rejected, 1_000)
    assert (count, stubbed.keys, stubbed.values, stubbed.timestamps_ms) == (2, [None, b"k"], [None, None], [5, 6])
    headers = present(stubbed.headers)
    assert [dict(one).get("onegraph.value_bytes") for one in headers] == [b"1", None]
    assert [dict(one)["onegraph.value_sha256"] is None for one in headers] == [False, True]
    assert "theirs" not in dict(headers[1])
    assert rejected.keys[0] == b"k" * 2_000, "what came in is not changed"
