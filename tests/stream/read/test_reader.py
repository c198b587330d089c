"""The reader against a real broker, on FnApiRunner."""

import dataclasses
import functools
import itertools
import sys
import threading

import apache_beam as beam
import kafka
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import OffsetsLost, Unavailable
from beam_jobs.kafka.groups import lease as group_lease
from beam_jobs.kafka.groups.positions import GroupPositions
from beam_jobs.kafka.libraries.choice import library
from beam_jobs.monitoring import measures
from beam_jobs.process import process_wide
from beam_jobs.runners import runners
from beam_jobs.runners.in_process.run import run_pipeline
from beam_jobs.stream.read.group_reader import GroupReader, StallWatch
from beam_jobs.stream.read.reader import ReadEvents
from beam_jobs.stream.read.source import ReadSettings, first_span, settle_start
from beam_jobs.stream.read.tracker import Span
from beam_jobs.stream.stream_job import StreamJob
from schemas.errors import ServiceError
from tests.support import waiting
from tests.support.first_at_once import first_at_once
from tests.support.kafka_records import add_partitions, commit, cut, put
from tests.support.stream_jobs import stream_job

_jobs = itertools.count()


@pytest.fixture(params=["kafka-python", "confluent"], autouse=True)
def client(request, monkeypatch):
    """The clients of one library; every test here runs over each."""
    monkeypatch.setattr(sys.modules[__name__], "_client", request.param)
    return library(Connection(servers="", kafka_client=request.param))


_client = "kafka-python"


def source(broker, topic, **changes) -> tuple[StreamJob, ReadSettings]:
    """What `ReadEvents` takes: a job, and how it reads with these changes."""
    where = Connection(servers=broker, kafka_client=_client)
    job = stream_job(where, topic, group=f"{topic}-group", name=f"read-{next(_jobs)}")
    return job, ReadSettings(**{"until_caught_up": True, "read_budget_s": 0.3, **changes})


_found: list[tuple] = []


def keep(batch):
    _found.extend(zip(batch.partitions, batch.offsets, batch.values, strict=True))


def read_all(events):
    """Run the reader; return (partition, offset, value) of every event, in the order in which they came out."""
    _found.clear()
    settle(events)
    pipeline = beam.Pipeline(options=runners.pipeline_options("local", streaming=True))
    _ = pipeline | ReadEvents(*events) | beam.Map(keep)
    run_pipeline(pipeline)
    return list(_found)


def settle(events):
    """Say where reading begins, as a job does at its start, and give the group back."""
    job, settings = events
    lease = settle_start(job, settings, group_lease.new_lease(job.name, outlives=False))
    positions = GroupPositions(job.servers, job.source.name, job.group, None, lease)
    positions.release()
    positions.close()


wait_until = functools.partial(waiting.wait_until, look_s=0.005)


def wait_until_found(count):
    wait_until(lambda: len(_found) >= count, f"{count} events")


def polled_since(last):
    return measures.STORE.value("last_poll_seconds") != last


def wait_for_polls(count):
    """Wait until the reader has polled so often again, whatever came."""
    for number in range(count):
        again = functools.partial(polled_since, measures.STORE.value("last_poll_seconds"))
        wait_until(again, f"poll {number + 1} of {count}")


def read_until_stopped(endless, count):
    """Run an endless reader; once the last of `count` events is out and ten more polls are done, have the job stop."""

    def stop():
        try:
            wait_until_found(count)
            wait_for_polls(10)
        finally:
            process_wide.stop_signal(endless[0].name).set()

    _found.clear()
    threading.Thread(target=stop).start()
    return read_all(endless)


@pytest.fixture
def filled(broker, topics):
    """A topic of 3 partitions with 40, 0 and 7 events."""
    topic = topics("events", partitions=3)
    for partition, count in ((0, 40), (2, 7)):
        put(broker, topic, partition, [b"%d" % offset for offset in range(count)])
    return topic


@pytest.mark.parametrize("groups", [1, 2, 5])
def test_every_event_once_and_in_order(broker, filled, groups):
    found = read_all(source(broker, filled, partition_groups=groups, max_batch=9))
    assert sorted(found) == [(p, o, b"%d" % o) for p, count in ((0, 40), (2, 7)) for o in range(count)]
    for partition in (0, 2):
        offsets = [offset for where, offset, _ in found if where == partition]
        assert offsets == sorted(offsets)


def test_reading_goes_on_at_the_committed_offsets(broker, filled):
    commit(broker, filled, f"{filled}-group", {0: 38})
    assert sorted(read_all(source(broker, filled))) == [
        *((0, offset, b"%d" % offset) for offset in (38, 39)),
        *((2, offset, b"%d" % offset) for offset in range(7)),
    ]


def test_where_reading_begins_without_committed_offsets(broker, filled):
    commit(broker, filled, f"{filled}-group", {2: 3})
    assert first_span(*source(broker, filled), 0) == Span({0: 0, 1: 0, 2: 3}, {0: 40, 1: 0, 2: 7})
    assert first_span(*source(broker, filled, partition_groups=2), 1) == Span({1: 0}, {1: 0})


@pytest.mark.parametrize(
    ("start", "begins"),
    [
        ({"start": "latest"}, {0: 40, 1: 0, 2: 7}),
        ({"start": "timestamp", "start_ms": 25}, {0: 25, 1: 0, 2: 7}),
        ({"start": "timestamp", "start_ms": 0}, {0: 0, 1: 0, 2: 0}),
        ({"start": "earliest"}, {0: 0, 1: 0, 2: 0}),
    ],
)
def test_the_first_run_begins_where_it_is_told_and_later_ones_where_that_was(broker, topics, start, begins):
    topic = topics("events", partitions=3)
    for partition, count in ((0, 40), (2, 7)):
        put(broker, topic, partition, [b"%d" % offset for offset in range(count)], timestamps_ms=list(range(count)))
    first = source(broker, topic, until_caught_up=False, **start)
    settle(first)
    assert first_span(*first, 0) == Span(begins)
    for partition in (1, 2):  # no event of theirs was done in the first run; these must not be jumped over
        put(broker, topic, partition, [b"later"], timestamps_ms=[99])
    settle(first)
    assert first_span(*first, 0) == Span(begins)


def test_a_partition_that_is_new_since_the_last_run_is_read_from_its_start(broker, filled):
    commit(broker, filled, f"{filled}-group", {0: 38, 1: 0, 2: 7})
    add_partitions(broker, filled, 4)
    put(broker, filled, 3, [b"new"])
    again = source(broker, filled, start="latest")
    settle(again)
    assert first_span(*again, 0).start == {0: 38, 1: 0, 2: 7, 3: 0}


def test_committed_wants_something_committed(broker, filled):
    with pytest.raises(ServiceError, match=rf"group '{filled}-group' has committed nothing of topic '{filled}'"):
        read_all(source(broker, filled, start="committed"))
    commit(broker, filled, f"{filled}-group", {0: 38})
    assert len(read_all(source(broker, filled, start="committed"))) == 9


@pytest.mark.parametrize("groups", first_at_once([2, 1, 5]))
def test_partitions_added_while_reading_are_read_from_their_start(broker, filled, groups):
    endless = source(
        broker, filled, until_caught_up=False, partition_groups=groups, read_budget_s=0.2, look_s=0.3, max_batch=9
    )
    stop = process_wide.stop_signal(endless[0].name)

    def grow():
        try:
            wait_until_found(47)
            add_partitions(broker, filled, 6)
            for partition in (3, 5, 0):
                put(broker, filled, partition, [b"late"] * 20)
            wait_until_found(107)
        finally:
            stop.set()

    _found.clear()
    threading.Thread(target=grow).start()
    found = [(partition, offset) for partition, offset, _ in read_all(endless)]
    counts = {0: 60, 2: 7, 3: 20, 5: 20}
    assert sorted(found) == [(partition, offset) for partition, count in counts.items() for offset in range(count)]


def test_a_client_that_found_new_partitions_knows_their_ends(broker, filled, client):
    reading = client.consumer(broker, filled)
    assert reading.end_offsets(reading.partitions) == {0: 40, 1: 0, 2: 7}
    add_partitions(broker, filled, 5)
    put(broker, filled, 4, [b"late"] * 20)
    assert reading.end_offsets(reading.find_partitions()) == {0: 40, 1: 0, 2: 7, 3: 0, 4: 20}
    reading.close()


def test_a_broker_that_is_away_when_new_partitions_are_looked_for_does_not_end_the_job(
    broker, filled, monkeypatch, client, caplog
):
    looks, asks = itertools.count(), itertools.count()

    class Moody(client.consumer):  # type: ignore[name-defined]  # of either library
        def __init__(self, servers, topic, group=None):
            if group is not None and next(asks) == 0:
                raise Unavailable("away when it is opened")
            super().__init__(servers, topic, group)

        def find_partitions(self):
            if next(looks) == 0:
                raise Unavailable("away when it is asked")
            return super().find_partitions()

    monkeypatch.setattr("beam_jobs.stream.read.group_reader.open_consumer", Moody)
    endless = source(broker, filled, until_caught_up=False, read_budget_s=60, look_s=0.2)
    stop = process_wide.stop_signal(endless[0].name)

    def grow():
        try:
            wait_until_found(47)
            add_partitions(broker, filled, 6)
            put(broker, filled, 5, [b"late"] * 20)
            wait_until_found(67)
        finally:
            stop.set()

    _found.clear()
    threading.Thread(target=grow).start()
    assert len(read_all(endless)) == 67
    told = [one.getMessage() for one in caplog.records if "cannot look for new partitions now" in one.getMessage()]
    assert [one.rpartition("away ")[2] for one in told] == ["when it is asked", "when it is opened"]


def test_the_ends_are_asked_for_when_the_leaders_are_known(broker, filled, monkeypatch, client):
    asked = []

    class Noted(client.consumer):  # type: ignore[name-defined]  # of either library
        def find_partitions(self):
            asked.append("partitions")
            return super().find_partitions()

        def end_offsets(self, partitions):
            asked.append("ends")
            return super().end_offsets(partitions)

    monkeypatch.setattr("beam_jobs.stream.read.group_reader.open_consumer", Noted)
    endless = source(broker, filled, until_caught_up=False, read_budget_s=60, look_s=0.1)
    stop = process_wide.stop_signal(endless[0].name)

    def end():
        try:
            wait_until(lambda: len(asked) >= 4, "two looks")
        finally:
            stop.set()

    threading.Thread(target=end).start()
    read_all(endless)
    assert asked[:4] == ["partitions", "ends"] * 2


def test_whoever_may_not_look_for_new_partitions_is_told(broker, filled, monkeypatch, client):
    def refused(self):
        raise ServiceError("this user may not do that")

    monkeypatch.setattr(client.consumer, "find_partitions", refused)
    with pytest.raises(ServiceError, match="this user may not do that"):
        read_all(source(broker, filled, until_caught_up=False, read_budget_s=60, look_s=0.2))


@pytest.mark.needs_time
def test_a_partition_that_stands_still_is_read_anew(broker, filled, monkeypatch, client):
    made: list[object] = []

    class Stuck(client.consumer):  # type: ignore[name-defined]  # of either library
        def go_to(self, offsets):
            super().go_to(offsets)
            if len(made) == 1:
                self.pause(2)

        def __init__(self, *given):
            super().__init__(*given)
            made.append(self)

    monkeypatch.setattr("beam_jobs.stream.read.group_reader.open_consumer", Stuck)
    endless = source(broker, filled, until_caught_up=False, read_budget_s=60, stall_s=0.6, look_s=30)

    assert len(read_until_stopped(endless, 47)) == 47
    assert len(made) == 2


@given(st.lists(st.tuples(st.sampled_from(["moves", "stands", "at its end", "busy"]), st.floats(0, 30)), max_size=30))
def test_only_a_partition_that_stands_behind_its_end_for_the_whole_time_is_stalled(steps):
    watch, now, since, at = StallWatch(60), 0.0, 0.0, 5
    watch.stalled({0: at}, {0: 10}, False, now)
    for what, seconds in steps:
        now += seconds
        at += what == "moves"
        found = watch.stalled({0: at}, {0: at if what == "at its end" else at + 9}, what == "busy", now)
        assert found == ([0] if what == "stands" and now - since >= 60 else [])
        since = since if what == "stands" and not found else now


def test_lost_offsets_are_passed_over_and_counted_where_the_job_accepts_that(broker, filled):
    commit(broker, filled, f"{filled}-group", {0: 5})
    cut(broker, filled, {0: 30, 2: 4})
    before = measures.STORE.value("dropped", reason="offsets_lost")
    found = read_all(source(broker, filled, accept_lost_offsets=True))
    assert [offset for partition, offset, _ in found if partition == 0] == list(range(30, 40))
    assert [offset for partition, offset, _ in found if partition == 2] == [4, 5, 6]
    assert measures.STORE.value("dropped", reason="offsets_lost") - before == 25
    commit(broker, filled, f"{filled}-group", {0: 99})
    with pytest.raises(OffsetsLost, match="the log ends at 40"):
        read_all(source(broker, filled, accept_lost_offsets=True, until_caught_up=False))


def test_what_a_new_partition_lost_before_anybody_read_it_is_lost_too(broker, filled):
    settle(source(broker, filled))
    add_partitions(broker, filled, 4)
    put(broker, filled, 3, [b"new"] * 9)
    cut(broker, filled, {3: 4})
    with pytest.raises(OffsetsLost, match=rf"topic '{filled}' partition 3: offsets 0 to 3 are lost, .* begins at 4"):
        read_all(source(broker, filled))
    before = measures.STORE.value("dropped", reason="offsets_lost")
    found = read_all(source(broker, filled, accept_lost_offsets=True))
    assert [offset for partition, offset, _ in found if partition == 3] == [4, 5, 6, 7, 8]
    assert measures.STORE.value("dropped", reason="offsets_lost") - before == 4


def test_a_partition_that_comes_while_a_job_begins_or_runs_is_read_from_offset_0(broker, filled):
    job, settings = source(broker, filled, until_caught_up=False)
    lease = settle_start(job, settings, group_lease.new_lease(job.name, outlives=False))
    held = dataclasses.replace(job, lease=lease)
    reader = GroupReader(held, settings, 0)
    with reader.locked(first_span(held, settings, 0).start):
        add_partitions(broker, filled, 4)
        put(broker, filled, 3, [b"new"] * 9)
        cut(broker, filled, {3: 4})
        assert reader.look_around({0: 0, 1: 0, 2: 0}, None) == {3: 0}
    reader.close()
    assert first_span(held, settings, 0).start == {0: 0, 1: 0, 2: 0, 3: 0}


def test_aborted_and_control_records_are_passed_over(broker, topics):
    topic = topics("transactions")
    producer = kafka.KafkaProducer(bootstrap_servers=broker, transactional_id=topic)
    producer.init_transactions()
    for value, end in ((b"a", "commit"), (b"b", "abort"), (b"c", "commit"), (b"d", "abort")):
        producer.begin_transaction()
        producer.send(topic, value, partition=0).get(10)  # else an abort has nothing to abort
        getattr(producer, f"{end}_transaction")()
    producer.close()
    assert read_all(source(broker, topic)) == [(0, 0, b"a"), (0, 4, b"c")]
    assert first_span(*source(broker, topic), 0).stop == {0: 8}


def test_lost_offsets_stop_the_job_and_are_named(broker, filled):
    commit(broker, filled, f"{filled}-group", {0: 5})
    cut(broker, filled, {0: 30})
    with pytest.raises(OffsetsLost, match=rf"topic '{filled}' partition 0: offsets 5 to 29 are lost, .* begins at 30"):
        read_all(source(broker, filled))


def test_offsets_that_the_log_never_had_stop_the_job(broker, filled):
    commit(broker, filled, f"{filled}-group", {0: 99})
    with pytest.raises(OffsetsLost, match="partition 0: wanted offset 99, the log ends at 40"):
        read_all(source(broker, filled, until_caught_up=False))


def test_the_stop_signal_ends_an_endless_read(broker, filled):
    endless = source(broker, filled, until_caught_up=False, read_budget_s=60)
    assert len(read_until_stopped(endless, 47)) == 47


def test_one_consumer_per_group_for_the_whole_run(broker, filled, monkeypatch, client):
    made: list[object] = []

    class Counted(client.consumer):  # type: ignore[name-defined]  # of either library
        def __init__(self, servers, topic, group=None):
            super().__init__(servers, topic, group)
            made.append(group)

    monkeypatch.setattr("beam_jobs.stream.read.group_reader.open_consumer", Counted)
    monkeypatch.setattr("beam_jobs.stream.read.source.open_consumer", Counted)
    endless = source(broker, filled, until_caught_up=False, partition_groups=2, read_budget_s=0.05)
    assert len(read_until_stopped(endless, 47)) == 47
    assert made.count(None) == 2, "readers; the others looked up where to begin"


def test_no_such_topic(broker):
    with pytest.raises(ServiceError, match=r"no topic 'nowhere'; create it"):
        read_all(source(broker, "nowhere"))
