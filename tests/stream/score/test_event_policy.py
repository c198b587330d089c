"""What is dropped, what is refused unread."""

from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.score.event_policy import EventPolicy
from schemas.rejection import Reason, Rejection, Stage

BAD = Rejection(0, Stage.DECODE, Reason.TYPE, "/fare")
TOMBSTONE = Rejection(3, Stage.DECODE, Reason.TOMBSTONE)


def test_tombstones_are_rejected_or_dropped():
    assert EventPolicy().split([BAD, TOMBSTONE]) == ([BAD, TOMBSTONE], [])
    assert EventPolicy(drop_tombstones=True).split([BAD, TOMBSTONE]) == ([BAD], [TOMBSTONE])


def batch(timestamps_ms, headers):
    count = len(timestamps_ms)
    rows = list(range(count))
    return EventBatch("t", [0] * count, rows, timestamps_ms, [None] * count, [b"{}"] * count, headers, {0: count})


def test_what_stands_around_a_value_can_be_refused():
    times = [-1, 0, 1_400_269_500, 1_400_269_500_000, 253_402_300_799_999, 1_400_269_500_000]
    events = batch(times, [[]] * 5 + [[("n", b"")] * 10_000])
    assert EventPolicy().refused(events) == {5: Reason.HEADERS}
    bounded = EventPolicy(earliest_ms=1_300_000_000_000, latest_ms=1_400_269_500_000)
    assert bounded.refused(events) == dict.fromkeys((0, 1, 2, 4), Reason.TIME_RANGE) | {5: Reason.HEADERS}
    assert EventPolicy(latest_ms=0).refused(batch([-1, 0, 1], [[]] * 3)) == {2: Reason.TIME_RANGE}
    assert EventPolicy().refused(batch([], [])) == {}
