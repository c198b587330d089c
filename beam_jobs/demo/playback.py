"""Held-out rows played through a streaming job, at a rate, while another model is released."""

import pathlib
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from beam_jobs.cli import settings
from beam_jobs.cli.options import words
from beam_jobs.demo import flink
from beam_jobs.demo.replay import HeldOut
from beam_jobs.kafka.client import Producer
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_consumer, open_producer
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.sending import Sent, send_rows
from beam_jobs.stream.job.process import StreamProcess
from schemas.errors import ServiceError

_PARTITIONS = 4
_WAIT_S = 120.0


def play(
    given: settings.Demo, output: pathlib.Path, names: tuple[str, ...], rows: HeldOut, swap: Callable[[], str]
) -> tuple[Sent, str, dict[str, Any]]:
    """Send the events to a streaming job, `swap` after a quarter of them, and end the job behind the last.

    `names` are the topics of events, predictions and rejected records, which are made here. Returns what was sent,
    what `swap` returned, and the job's summary.
    """
    servers = given.connection
    source, predictions, rejected = names
    topics.create(servers, topics.for_scoring(source, predictions, rejected, _PARTITIONS, topics.DEFAULT_MESSAGE_BYTES))
    pairs = rows.keyed()
    options = [
        *words(settings.Broker, given.broker_options()),
        *("--registry", str(output / "registry")),
        *("--source-topic", source, "--predictions-topic", predictions, "--rejected-topic", rejected),
        *("--group", source),
        *flink.options(given, source),
    ]
    producer = open_producer(servers)
    try:
        log = output / "score_stream.log"
        with (
            flink.cluster(given),
            StreamProcess(options, log) as job,
            flink.cancelled_on_error(given, source),
        ):
            send_rows(producer, source, pairs[:1])
            await_outcomes(servers, (predictions, rejected), 1, job.check_running)
            sender = Sender(producer, source, pairs[1:], given.rate)
            sender.join(len(pairs) / given.rate / 4)
            second = swap()
            sender.join()
            await_outcomes(servers, (predictions, rejected), len(pairs), job.check_running)
            return sender.sent(), second, flink.end(given, source, job)
    finally:
        producer.close()


class Sender(threading.Thread):
    """Sends (key, value) pairs in the background, so that a release can happen while events flow."""

    def __init__(self, producer: Producer, topic: str, pairs: Iterable[tuple[bytes, bytes]], rate: float):
        super().__init__(name="replay", daemon=True)
        self._send = lambda: send_rows(producer, topic, pairs, rate)
        self._result: Sent | Exception = ServiceError("replay: still sending")
        self.start()

    def run(self) -> None:
        try:
            self._result = self._send()
        except Exception as error:
            self._result = error

    def sent(self) -> Sent:
        """Return what was sent; raises what stopped it."""
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


def await_outcomes(
    servers: Connection | str,
    outputs: tuple[str, str],
    count: int,
    check_running: Callable[[], None],
    wait_s: float = _WAIT_S,
) -> None:
    """Return once predictions and rejected records together are as many as the events sent.

    `check_running` raises if the job has ended; raises `ServiceError` after `wait_s` seconds.
    """
    consumers = [open_consumer(servers, topic) for topic in outputs]
    ends = time.monotonic() + wait_s
    try:
        while (answered := sum(sum(reader.end_offsets(reader.partitions).values()) for reader in consumers)) < count:
            check_running()
            if time.monotonic() > ends:
                raise ServiceError(f"{answered} of {count} events answered after {wait_s:g} s; see score_stream.log")
            time.sleep(0.1)
    finally:
        for consumer in consumers:
            consumer.close()
