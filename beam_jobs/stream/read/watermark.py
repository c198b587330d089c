"""How far event reading has come in time: a watermark for a group of partitions that idle partitions do not hold."""

from collections.abc import Iterable, Mapping

from apache_beam.utils.timestamp import Timestamp

from beam_jobs.stream.events import EventBatch


class GroupWatermark:
    """The least, over the partitions of a group, of the time up to which a partition has been read.

    That is the latest record timestamp of the partition, never later than now, since a producer may send any
    timestamp; for a partition that is read to its end it is `idle_s` ago. All times are milliseconds since 1970, UTC.
    The watermark never goes back.
    """

    def __init__(self, partitions: Iterable[int], idle_s: float = 1.0):
        self._read_to = dict.fromkeys(partitions, -1)
        self._idle_ms = int(idle_s * 1000)
        self._value_ms = -1

    @property
    def of_partitions(self) -> Mapping[int, int]:
        """The time up to which each partition has been read, -1 if nothing is known; not held back by others."""
        return self._read_to

    def add(self, partitions: Iterable[int]) -> None:
        """Take in partitions that came later; they hold the watermark where it is until they are read."""
        for partition in partitions:
            self._read_to.setdefault(partition, -1)

    def advance(self, batch: EventBatch, caught_up: Iterable[int], now_ms: int) -> int:
        """Take in one batch and return the watermark, -1 while nothing is known."""
        for partition, timestamp in zip(batch.partitions, batch.timestamps_ms, strict=True):
            if timestamp > self._read_to[partition]:
                self._read_to[partition] = timestamp
        for partition in caught_up:
            self._read_to[partition] = max(self._read_to[partition], now_ms - self._idle_ms)
        self._value_ms = max(self._value_ms, min([*self._read_to.values(), now_ms]))
        return self._value_ms


def to_beam(milliseconds: int) -> Timestamp:
    """Return a Beam timestamp."""
    return Timestamp(micros=milliseconds * 1000)
