"""From polls to batches: the records that a poll brings from a group of partitions, turned into columns."""

import itertools
from collections.abc import Mapping
from typing import Any

from beam_jobs.kafka.kafka_python.consumer import POLL_BYTES
from beam_jobs.stream.events import EventBatch

_OFFSET, _TIMESTAMP, _KEY, _VALUE, _HEADERS = 3, 4, 6, 7, 8  # fields of kafka-python's ConsumerRecord


class EventGatherer:
    """Reads batches from one consumer, one poll each.

    Events gather at the broker while a batch is worked on, so batches grow with the load by themselves; waiting for
    more of them costs latency and saves nothing (1,000 events/s: p50 12 ms without, 15 ms with 5 ms of waiting).
    """

    def __init__(self, consumer: Any, topic: str, max_batch: int, max_bytes: int = POLL_BYTES):
        self._consumer, self._topic = consumer, topic
        self._max_batch, self._max_bytes = max_batch, max_bytes
        self._next: dict[int, int] = {}

    def go_to(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions from these offsets on."""
        self._consumer.go_to(offsets)
        self._next = dict(offsets)

    def next_batch(self, timeout_s: float, stop: Mapping[int, int] | None = None) -> EventBatch:
        """Return what came within `timeout_s`, perhaps nothing, and nothing at or behind `stop`."""
        runs = self._consumer.poll(timeout_s, self._max_batch, self._max_bytes)
        before, self._next = self._next, self._next | self._consumer.positions()
        if stop is not None:
            self._cut(runs, stop)
        moved = {partition: offset for partition, offset in self._next.items() if offset != before[partition]}
        return self._columns(runs, moved)

    @property
    def full(self) -> bool:
        """Whether the last batch is as large as one may be: more may be here already."""
        return self._consumer.full

    def caught_up(self) -> set[int]:
        """Return the partitions that are read to the end, as far as the broker's last answer tells."""
        ends = self._consumer.high_waters()
        return {partition for partition, offset in self._next.items() if ends.get(partition, offset + 1) <= offset}

    def lag(self) -> dict[int, int]:
        """Return how many offsets each partition has ahead, as far as the broker's last answer tells."""
        ends = self._consumer.high_waters()
        return {p: max(ends[p] - offset, 0) for p, offset in self._next.items() if p in ends}

    def pass_over(self, partition: int, offset: int) -> None:
        """Go on at a later offset of one partition; the next batch says that it moved."""
        self._consumer.go_to(self._next | {partition: offset})

    def _cut(self, runs: dict[int, list[Any]], stop: Mapping[int, int]) -> None:
        for partition, end in stop.items():
            if self._next[partition] >= end:
                self._next[partition] = end
                self._consumer.pause(partition)
                if partition in runs:
                    runs[partition] = [record for record in runs[partition] if record[_OFFSET] < end]

    def _columns(self, runs: Mapping[int, list[Any]], moved: dict[int, int]) -> EventBatch:
        partitions = list(itertools.chain.from_iterable([p] * len(records) for p, records in runs.items()))
        fields = list(zip(*itertools.chain.from_iterable(runs.values()), strict=True)) if partitions else [()] * 13
        offsets, timestamps, keys, values, headers = (
            list(fields[field]) for field in (_OFFSET, _TIMESTAMP, _KEY, _VALUE, _HEADERS)
        )
        return EventBatch(self._topic, partitions, offsets, timestamps, keys, values, headers, moved)
