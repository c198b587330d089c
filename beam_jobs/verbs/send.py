"""`onegraph send`: a file's rows as events, typed by the schema, at a rate."""

import collections
import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from beam_jobs.batch.event_files import events_of
from beam_jobs.cli.settings import Send
from beam_jobs.kafka.client import BATCH_BYTES, Producer
from beam_jobs.kafka.clients.choice import open_producer
from beam_jobs.kafka.partitions import partition_of_event
from beam_jobs.kafka.records import Records
from beam_jobs.kafka.topics import topics
from models import use_case
from schemas.errors import InputError, UsageError
from schemas.schema import SERVING

_CHUNK = 1_000
_MAX_WAITING = 100
_TICK_S = 0.005  # a request per event would take most of a core at 1,000 events/s


@dataclasses.dataclass(frozen=True)
class Sent:
    """How many events the broker acknowledged and how long it took from the first send to the last answer."""

    count: int
    seconds: float


def check(settings: Send) -> None:
    """Refuse a wrong option, a missing file or a missing topic before anything is sent."""
    if settings.rate is not None and settings.rate <= 0:
        raise UsageError(f"--rate is {settings.rate}, wanted more than 0")
    if settings.limit is not None and settings.limit < 1:
        raise UsageError(f"--limit is {settings.limit}, wanted 1 or more")
    if not pathlib.Path(settings.file).is_file():
        raise InputError(f"{settings.file}: no such file")
    topics.required(settings.connection, [settings.topic])


def run(settings: Send) -> dict[str, Any]:
    """Send every row that the schema can read; the key of an event is its row number, counted from 0, as text."""
    check(settings)
    schema = use_case.find_schema(settings.use_case, settings.use_case_path).environment(SERVING)
    rows = events_of(pathlib.Path(settings.file), schema)
    total = 0
    producer = open_producer(settings.connection)

    def sendable() -> Iterator[tuple[bytes, bytes]]:
        nonlocal total
        count = 0
        for number, value in rows:
            total = number + 1
            if value is not None:
                yield b"%d" % number, value
                count += 1
                if count == settings.limit:
                    return

    try:
        sent = send_rows(producer, settings.topic, sendable(), settings.rate)
    finally:
        producer.close()
    if total == 0:
        raise InputError(f"{settings.file}: no rows to send")
    return {"topic": settings.topic, "sent": sent.count, "unreadable": total - sent.count, "seconds": sent.seconds}


def describe(result: dict[str, Any]) -> str:
    """Say how many were sent and how fast."""
    unreadable = (
        f"; {result['unreadable']:,} rows do not fit the schema and were not sent" if result["unreadable"] else ""
    )
    rate = result["sent"] / max(result["seconds"], 1e-9)
    return (
        f"sent {result['sent']:,} events to {result['topic']} in {result['seconds']:.1f} s, {rate:,.0f}/s{unreadable}"
    )


def send_rows(
    producer: Producer,
    topic: str,
    events: Iterable[tuple[bytes | None, bytes | None]],
    rate: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Sent:
    """Send (key, value) pairs, `rate` per second in steps of 5 ms or as fast as it goes; wait until all have arrived.

    An event goes to the partition of its key as Kafka's own clients choose it, without a key round about.
    """
    partitions = producer.partition_count(topic)
    waiting: collections.deque[Any] = collections.deque()
    source = iter(events)
    count, begin = 0, clock()
    while True:
        due = _CHUNK if rate is None else int((clock() - begin) * rate + 1e-6) + 1 - count
        chunk = [event for _, event in zip(range(min(due, _CHUNK)), source, strict=False)]
        for partition, part in _by_partition(chunk, partitions, count).items():
            waiting += producer.send(topic, partition, part, BATCH_BYTES)
        count += len(chunk)
        while waiting and (waiting[0].done or len(waiting) > _MAX_WAITING):
            waiting.popleft().wait(producer.delivery_s)
        if len(chunk) < min(due, _CHUNK):
            break
        if rate is not None:
            sleep(max(begin + count / rate - clock(), _TICK_S))
    for delivery in waiting:
        delivery.wait(producer.delivery_s)
    return Sent(count, clock() - begin)


def _by_partition(
    chunk: Sequence[tuple[bytes | None, bytes | None]], partitions: int, first: int
) -> dict[int, Records]:
    now_ms = int(time.time() * 1000)
    found: dict[int, Records] = {}
    for number, (key, value) in enumerate(chunk, first):
        partition = partition_of_event(key, number, partitions)
        records = found.setdefault(partition, Records([], [], [], []))
        records.source_partitions.append(partition)
        records.timestamps_ms.append(now_ms)
        records.keys.append(key)
        records.values.append(value)
    return found
