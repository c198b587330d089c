"""The reader against a real broker, on FnApiRunner."""

import itertools
import threading

import apache_beam as beam
import kafka
import pytest

from beam_jobs import process_wide, runners
from beam_jobs.kafka_client import Consumer, OffsetsLost
from beam_jobs.kafka_reader import ReadEvents, Source, first_span
from beam_jobs.kafka_tracker import Span
from schemas.errors import ServiceError
from tests.kafka_records import commit, put

_jobs = itertools.count()


def source(broker, topic, **changes):
    given = {"group": f"{topic}-group", "job": f"read-{next(_jobs)}", "until_caught_up": True, "read_budget_s": 0.3}
    return Source(servers=broker, topic=topic, **{**given, **changes})


_found: list[tuple] = []


def keep(batch):
    _found.extend(zip(batch.partitions, batch.offsets, batch.values, strict=True))


def read_all(events: Source):
    """Run the reader; return (partition, offset, value) of every event, in the order in which they came out."""
    _found.clear()
    pipeline = beam.Pipeline(options=runners.pipeline_options("local", streaming=True))
    _ = pipeline | ReadEvents(events) | beam.Map(keep)
    runners.run_pipeline(pipeline)
    return list(_found)


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
    assert first_span(source(broker, filled), 0) == Span({0: 0, 1: 0, 2: 3}, {0: 40, 1: 0, 2: 7})
    assert first_span(source(broker, filled, start="latest", until_caught_up=False), 0) == Span({0: 40, 1: 0, 2: 3})
    assert first_span(source(broker, filled, partition_groups=2), 1) == Span({1: 0}, {1: 0})


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
    assert first_span(source(broker, topic), 0).stop == {0: 8}


def test_lost_offsets_stop_the_job_and_are_named(broker, filled):
    commit(broker, filled, f"{filled}-group", {0: 5})
    admin = kafka.KafkaAdminClient(bootstrap_servers=broker)
    admin.delete_records({kafka.TopicPartition(filled, 0): 30})
    admin.close()
    with pytest.raises(OffsetsLost, match=rf"topic '{filled}' partition 0: offsets 5 to 29 are lost, .* begins at 30"):
        read_all(source(broker, filled))


def test_offsets_that_the_log_never_had_stop_the_job(broker, filled):
    commit(broker, filled, f"{filled}-group", {0: 99})
    with pytest.raises(OffsetsLost, match="partition 0: wanted offset 99, the log ends at 40"):
        read_all(source(broker, filled, until_caught_up=False))


def test_the_stop_signal_ends_an_endless_read(broker, filled):
    endless = source(broker, filled, until_caught_up=False, read_budget_s=60)
    threading.Timer(1.5, process_wide.stop_signal(endless.job).set).start()
    assert len(read_all(endless)) == 47


def test_one_consumer_per_group_for_the_whole_run(broker, filled, monkeypatch):
    made = []

    class Counted(Consumer):
        def __init__(self, servers, topic, group=None):
            super().__init__(servers, topic, group)
            made.append(group)

    monkeypatch.setattr("beam_jobs.kafka_reader.Consumer", Counted)
    endless = source(broker, filled, until_caught_up=False, partition_groups=2, read_budget_s=0.05)
    threading.Timer(1.5, process_wide.stop_signal(endless.job).set).start()
    assert len(read_all(endless)) == 47
    assert made.count(None) == 2, "readers; the others looked up where to begin"


def test_no_such_topic(broker):
    with pytest.raises(ServiceError, match=r"no topic 'nowhere'; create it"):
        read_all(source(broker, "nowhere"))
