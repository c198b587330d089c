"""Gathering polls into batches, with a consumer and a clock that the test holds."""

import dataclasses
from typing import Any

from beam_jobs.kafka.records import Header, Polled
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.read.gathering import EventGatherer
from beam_jobs.stream.read.watermark import GroupWatermark


def record(partition, offset, timestamp=0):
    return partition, offset, timestamp, None, b"%d/%d" % (partition, offset), []


@dataclasses.dataclass
class Clock:
    now: float = 0.0

    def __call__(self):
        return self.now


class FakeConsumer:
    """Answers polls from a list of (seconds that it takes, records)."""

    def __init__(self, clock, polls, gaps=None):
        self.clock, self.polls, self.at, self.paused, self.gaps = clock, list(polls), {}, set(), gaps or {}

    def go_to(self, offsets):
        self.at = dict(offsets)

    full = False

    def poll(self, timeout_s, max_records, max_bytes):
        takes, records = self.polls.pop(0) if self.polls else (timeout_s, [])
        if takes > timeout_s:
            self.polls.insert(0, (takes - timeout_s, records))
            takes, records = timeout_s, []
        self.clock.now += takes
        now, later = records[:max_records], records[max_records:]
        if later:
            self.polls.insert(0, (0, later))
        for partition, offset, *_ in now:
            self.at[partition] = self.gaps.get(offset, offset + 1)
        return Polled(*map(list, zip(*now, strict=True)))

    def positions(self):
        return dict(self.at)

    def high_waters(self):
        return dict(self.at)

    def pause(self, partition):
        self.paused.add(partition)


def gatherer(polls, offsets, max_batch=100, gaps=None):
    """A gatherer put at these offsets, and its consumer."""
    consumer: Any = FakeConsumer(Clock(), polls, gaps)  # as much of one as a gatherer asks for
    made = EventGatherer(consumer, "t", max_batch)
    made.go_to(offsets)
    return made, consumer


def test_nothing_came():
    made, consumer = gatherer([], {0: 5})
    batch = made.next_batch(0.1)
    assert (len(batch), batch.next_offsets, consumer.clock.now) == (0, {}, 0.1)


def test_a_batch_is_what_one_poll_brings():
    polls = [(0.05, [record(0, 5)]), (0.003, [record(1, 7), record(0, 6)])]
    made, consumer = gatherer(polls, {0: 5, 1: 7})
    assert made.next_batch(1).offsets == [5]
    assert consumer.clock.now == 0.05
    batch = made.next_batch(1)
    assert (batch.partitions, batch.offsets, batch.values) == ([1, 0], [7, 6], [b"1/7", b"0/6"])
    assert batch.next_offsets == {0: 7, 1: 8}


def test_no_batch_is_larger_than_told():
    made, _ = gatherer([(0, [record(0, offset) for offset in range(9)])], {0: 0}, max_batch=4)
    assert [made.next_batch(1).offsets for _ in range(2)] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_positions_move_over_control_records():
    made, _ = gatherer([(0, [record(0, 5)])], {0: 5}, gaps={5: 8})
    assert made.next_batch(1).next_offsets == {0: 8}


def test_nothing_behind_the_stop():
    polls = [(0, [record(0, 5), record(0, 6), record(0, 7), record(1, 1)])]
    made, consumer = gatherer(polls, {0: 5, 1: 1})
    batch = made.next_batch(1, stop={0: 6, 1: 9})
    assert (batch.partitions, batch.offsets, batch.next_offsets) == ([0, 1], [5, 1], {0: 6, 1: 2})
    assert consumer.paused == {0}


def batch_of(*rows):
    partitions, timestamps = zip(*rows, strict=True) if rows else ((), ())
    blank: list[bytes | None] = [None] * len(rows)
    headers: list[list[Header]] = [[] for _ in rows]
    return EventBatch("t", list(partitions), list(range(len(rows))), list(timestamps), blank, blank, headers, {})


def test_the_watermark_waits_for_the_slowest_partition_that_lags():
    watermark = GroupWatermark([0, 1])
    assert watermark.advance(batch_of((0, 5_000)), caught_up=[], now_ms=9_000) == -1
    assert watermark.advance(batch_of((1, 4_000)), caught_up=[], now_ms=9_000) == 4_000


def test_an_idle_partition_does_not_hold_the_watermark():
    watermark = GroupWatermark([0, 1], idle_s=1)
    assert watermark.advance(batch_of((0, 5_000)), caught_up=[1], now_ms=9_000) == 5_000
    assert watermark.advance(batch_of(), caught_up=[0, 1], now_ms=9_500) == 8_500


def test_absurd_timestamps_neither_run_ahead_of_now_nor_back():
    watermark = GroupWatermark([0])
    assert watermark.advance(batch_of((0, 253_402_300_800_000)), caught_up=[], now_ms=9_000) == 9_000
    assert watermark.advance(batch_of((0, -1)), caught_up=[], now_ms=8_000) == 9_000
