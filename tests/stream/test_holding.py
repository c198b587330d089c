"""A broker that goes away is waited for: nothing is lost, nothing is dropped, order is kept, the job goes on alone."""

import contextlib
import os
import socket
import threading
import time

import apache_beam as beam
import pytest

from beam_jobs.kafka.client import BATCH_BYTES
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import Unavailable
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.records import Outgoing
from beam_jobs.kafka.topics import topics
from beam_jobs.monitoring import measures
from beam_jobs.process import process_wide
from beam_jobs.process.loopback import free_port
from beam_jobs.runners import runners
from beam_jobs.runners.in_process.run import run_pipeline
from beam_jobs.services import local_kafka
from beam_jobs.stream.events import EventBatch, Outcome
from beam_jobs.stream.holding import Patience
from beam_jobs.stream.read.reader import ReadEvents
from beam_jobs.stream.read.source import ReadSettings
from beam_jobs.stream.write.writer import WriteOutcomes
from chaos.brokers.proxy import Proxy
from schemas.errors import ServiceError
from tests.support.kafka_records import committed, end_of, put, read
from tests.support.stream_jobs import stream_job

OUTAGE_S = float(os.environ.get("ONEGRAPH_TEST_OUTAGE_S", "3"))


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Delivery:
    """Is acknowledged at a time of the clock."""

    def __init__(self, clock, at):
        self.clock, self.at, self.waited = clock, at, False

    def settled(self, timeout_s):
        self.clock.now += timeout_s
        return self.clock.now >= self.at

    def wait(self, timeout_s):
        self.waited = True

    def __str__(self):
        return "a batch"


@pytest.fixture
def clock():
    return Clock()


def test_a_late_answer_is_waited_for_and_told_of(clock, caplog):
    delivery = Delivery(clock, 100.0)
    Patience(300.0, threading.Event(), clock).wait_for(delivery)
    assert delivery.waited
    assert measures.STORE.value("last_hold_seconds") > time.time() - 10
    assert caplog.messages == [
        "a batch is not acknowledged yet, holding for up to 300 s",
        "a batch is acknowledged, going on",
    ]


def test_a_short_wait_is_no_hold(clock):
    before = measures.STORE.value("last_hold_seconds")
    Patience(300.0, threading.Event(), clock).wait_for(Delivery(clock, 4.9))
    assert measures.STORE.value("last_hold_seconds") == before


def test_the_wait_ends_with_the_limit(clock):
    with pytest.raises(
        ServiceError, match="a batch is not acknowledged after 300 s and --hold-ms is over; nothing behi"
    ):
        Patience(300.0, threading.Event(), clock).wait_for(Delivery(clock, 1e9))
    assert 300 < clock.now < 301


def test_the_stop_signal_ends_the_wait_after_a_while(clock):
    stop = threading.Event()
    stop.set()
    Patience(300.0, stop, clock).wait_for(Delivery(clock, 9.0))
    clock.now = 0.0
    with pytest.raises(ServiceError, match="after 10 s and the job was told to stop"):
        Patience(300.0, stop, clock).wait_for(Delivery(clock, 1e9))


class Stop(threading.Event):
    """A stop signal whose waits pass at once."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.pauses = clock, []

    def wait(self, timeout=None):
        self.pauses.append(timeout)
        self.clock.now += timeout
        return self.is_set()


def test_tries_again_after_longer_and_longer_pauses(clock):
    stop, failures = Stop(clock), [Unavailable("down")] * 7

    def do():
        if failures:
            raise failures.pop()

    Patience(300.0, stop, clock).retry("offsets", do)
    assert stop.pauses == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(("error", "tries"), [(Unavailable("down"), 14), (ServiceError("not allowed"), 1)], ids=str)
def test_what_stays_down_or_is_refused_ends_it(clock, error, tries):
    stop, seen = Stop(clock), []

    def do():
        seen.append(clock.now)
        raise error

    with pytest.raises(ServiceError, match=str(error)):
        Patience(300.0, stop, clock).retry("offsets", do)
    assert len(seen) == tries
    assert clock.now <= 300


class EchoBatches(beam.DoFn):
    """Every third event is rejected, the others are their own predictions."""

    def process(self, events: EventBatch):
        def records(keep, headers):
            rows = [row for row, offset in enumerate(events.offsets) if keep(offset)]
            return Outgoing(
                [events.partitions[row] for row in rows],
                [events.timestamps_ms[row] for row in rows],
                [events.keys[row] for row in rows],
                [events.values[row] for row in rows],
                [[] for _ in rows] if headers else None,
            )

        good, bad = records(lambda offset: offset % 3, False), records(lambda offset: not offset % 3, True)
        yield Outcome(events.topic, good, bad, events.next_offsets)


@pytest.fixture(scope="module")
def proxy():
    """Stands before a second listener of `own_broker`, until that is started anew."""
    made = Proxy(free_port())
    yield made
    made.close()


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory, proxy):
    """A broker that a test may stop, the last one for good: `(folder, port, controller port)`."""
    ports, folder = (free_port(), free_port()), tmp_path_factory.mktemp("own") / "kafka"
    here, behind = f"PLAINTEXT://127.0.0.1:{ports[0]}", f"BEHIND://127.0.0.1:{proxy.target}"
    listeners = {
        "listeners": f"{here},{behind},CONTROLLER://127.0.0.1:{ports[1]}",
        "advertised.listeners": f"{here},BEHIND://127.0.0.1:{proxy.port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
    local_kafka.start(ports[0], folder, controller_port=ports[1], settings=listeners)
    try:
        yield folder, *ports
    finally:
        local_kafka.stop(folder)


@contextlib.contextmanager
def closing_port(port):
    """A balancer whose broker is away: it takes every connection and closes it; yields when they came."""
    came = []
    listener = socket.create_server(("127.0.0.1", port))

    def close_all():
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                listener.accept()[0].close()
                came.append(time.monotonic())

    closing = threading.Thread(target=close_all)
    closing.start()
    try:
        yield came
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        closing.join()


@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_a_batch_whose_answer_was_lost_is_sent_again_and_kept_once(own_broker, proxy, client, request):
    servers, topic = f"127.0.0.1:{own_broker[1]}", f"lost-{request.node.callspec.id}"
    topics.create(servers, [topics.Topic(topic, 1, {"retention.ms": "-1"})])  # its records are as old as 1970
    producer = open_producer(Connection(servers=f"127.0.0.1:{proxy.port}", kafka_client=client))

    def send(value):
        [delivery] = producer.send(topic, 0, Outgoing([0], [0], [None], [value]), BATCH_BYTES)
        return delivery

    try:
        send(b"first").wait(20)
        proxy.loses_answers = True
        delivery = send(b"second")
        until = time.monotonic() + 20
        while end_of(servers, topic) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        assert not delivery.settled(0.5), "the broker has it, and we do not know"
        proxy.loses_answers = False
        proxy.reset()
        delivery.wait(60)
        send(b"third").wait(20)
    finally:
        proxy.loses_answers = False
        producer.close()
    assert [one.value for one in read(servers, topic)] == [b"first", b"second", b"third"]


@pytest.mark.needs_time
def test_nothing_is_lost_while_the_broker_is_away(own_broker):
    folder, port, controller = own_broker
    servers = f"127.0.0.1:{port}"
    names = "trips", "predictions", "rejected"
    topics.create(servers, topics.for_scoring(*names, 2, topics.DEFAULT_MESSAGE_BYTES))
    stop, failed = process_wide.stop_signal("hold test"), []
    known = stream_job(servers, name="hold test", hold_s=120.0)
    steps = beam.Pipeline(options=runners.pipeline_options("local", streaming=True))
    read_events, write = ReadEvents(known, ReadSettings(read_budget_s=1.0)), WriteOutcomes(known)
    _ = steps | read_events | beam.ParDo(EchoBatches()).with_output_types(Outcome) | write

    def run():
        try:
            run_pipeline(steps)
        except ServiceError as error:
            failed.append(error)

    def send(first):
        for partition in (0, 1):
            values = [b"%d" % number for number in range(first, first + 3_000)]
            put(servers, "trips", partition, values, keys=[b"key-%d" % partition] * 3_000)

    def wait_for(count):
        ends = time.monotonic() + 120
        while sum(committed(servers, "trips", "group").values()) < count:
            assert not failed
            assert time.monotonic() < ends
            time.sleep(0.1)

    job = threading.Thread(target=run)
    job.start()
    try:
        send(0)
        wait_for(600)  # in the middle of it, or not: whatever is in flight is in flight
        send(3_000)
        local_kafka.stop(folder, patience_s=2)
        with closing_port(port) as connections:
            began = time.process_time()
            time.sleep(OUTAGE_S)
            busy_s = time.process_time() - began
        assert 1 <= len(connections) < 10 * OUTAGE_S, "the clients wait between attempts"
        assert busy_s < 0.3 * OUTAGE_S, "and sleep meanwhile"
        assert job.is_alive(), failed
        local_kafka.start(port, folder, controller_port=controller)
        send(6_000)
        wait_for(18_000)
    finally:
        stop.set()
        job.join(60)
    assert failed == []
    for partition in (0, 1):
        wanted = [b"%d" % number for number in range(9_000)]
        for topic, keep in (("predictions", lambda row: row % 3), ("rejected", lambda row: not row % 3)):
            found = [one.value for one in read(servers, topic) if one.partition == partition]
            assert list(dict.fromkeys(found)) == [value for row, value in enumerate(wanted) if keep(row)]


@pytest.mark.needs_time
def test_a_job_that_cannot_write_ends_when_it_is_told_to(own_broker):
    folder, port, _ = own_broker
    servers = f"127.0.0.1:{port}"
    topics.create(servers, topics.for_scoring("trips2", "predictions2", "rejected2", 1, topics.DEFAULT_MESSAGE_BYTES))

    class TakeAway(beam.DoFn):
        def process(self, outcome):
            local_kafka.stop(folder, patience_s=2)
            process_wide.stop_signal("stopped in a hold").set()
            yield outcome

    outcome = Outcome("trips2", Outgoing([0], [0], [None], [b"1"]), Outgoing([], [], [], [], []), {0: 1})
    names = {"predictions": "predictions2", "rejected": "rejected2", "name": "stopped in a hold"}
    write = WriteOutcomes(stream_job(servers, "trips2", **names, hold_s=99))
    steps = beam.Pipeline(options=runners.pipeline_options("local", streaming=True))
    _ = steps | beam.Create([outcome], reshuffle=False) | beam.ParDo(TakeAway()).with_output_types(Outcome) | write
    begin = time.monotonic()
    with pytest.raises(ServiceError, match=r"is not acknowledged after 1\d s and the job was told to stop; nothing"):
        run_pipeline(steps)
    assert time.monotonic() - begin < 60
