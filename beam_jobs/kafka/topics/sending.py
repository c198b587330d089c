"""Events sent to a topic, at a rate or as fast as it goes, every one acknowledged."""

import collections
import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence

from beam_jobs.kafka.client import BATCH_BYTES, Delivery, Producer
from beam_jobs.kafka.partitions import partition_of_event
from beam_jobs.kafka.records import Outgoing

_CHUNK = 1_000
_MAX_WAITING = 100
_TICK_S = 0.005  # a request per event would take most of a core at 1,000 events/s


@dataclasses.dataclass(frozen=True)
class Sent:
    """How many events the broker acknowledged and how long it took from the first send to the last answer."""

    count: int
    seconds: float


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
    waiting: collections.deque[Delivery] = collections.deque()
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
) -> dict[int, Outgoing]:
    now_ms = int(time.time() * 1000)
    found: dict[int, Outgoing] = {}
    for number, (key, value) in enumerate(chunk, first):
        partition = partition_of_event(key, number, partitions)
        records = found.setdefault(partition, Outgoing([], [], [], []))
        records.source_partitions.append(partition)
        records.timestamps_ms.append(now_ms)
        records.keys.append(key)
        records.values.append(value)
    return found
