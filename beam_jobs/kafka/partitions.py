"""Which partition a record goes to, and how many a topic has."""

import contextlib
import time
from collections.abc import Callable

from kafka.partitioner.default import murmur2

from schemas.errors import ServiceError


def partition_of_key(key: bytes, count: int) -> int:
    """Return the partition, of so many, where Kafka's own clients put a key.

    >>> partition_of_key(b"taxi", 4)
    3
    """
    return (murmur2(key) & 0x7FFFFFFF) % count


def partition_of_event(key: bytes | None, number: int, count: int) -> int:
    """Return the partition of the event of that number: its key's, without a key one after the other.

    >>> partition_of_event(b"taxi", 9, 4), partition_of_event(None, 9, 4)
    (3, 1)
    """
    return number % count if key is None else partition_of_key(key, count)


def partition_of_answer(source: int, key: bytes | None, count: int) -> int:
    """Return the partition of what answers an event of partition `source`: the same number, so that order is kept.

    If the topic has none of that number, it is that of the event's key.

    >>> partition_of_answer(2, b"taxi", 4), partition_of_answer(7, b"taxi", 4), partition_of_answer(7, None, 4)
    (2, 3, 3)
    """
    return source if source < count else partition_of_event(key, source, count)


class GrowthWatch:
    """Says when it is time to ask again whether a topic has grown: at once, then every `period_s` seconds."""

    def __init__(self, period_s: float = 30.0):
        self._period_s = period_s
        self._asked: dict[str, float] = {}

    def due(self, topic: str) -> bool:
        """Return whether it is time, and begin the next period if so."""
        now = time.monotonic()
        if now - self._asked.get(topic, -self._period_s) < self._period_s:
            return False
        self._asked[topic] = now
        return True


class PartitionCounts:
    """How many partitions topics have: asked by `first`, and of a topic that is too small by `again`, now and then."""

    def __init__(self, first: Callable[[str], int], again: Callable[[str], int]):
        self._first, self._again = first, again
        self._known: dict[str, int] = {}
        self._growth = GrowthWatch()

    def of(self, topic: str, at_least: int) -> int:
        """Return the count; raises what `first` does. A broker that is away when it is asked again holds nothing up."""
        if topic not in self._known:
            self._known[topic] = self._first(topic)
        if self._known[topic] < at_least and self._growth.due(topic):
            with contextlib.suppress(ServiceError):
                self._known[topic] = self._again(topic)
        return self._known[topic]
