"""What is dropped, and scoring behind the breaker: held, scored anew by another bundle, or ended."""

import pytest

from beam_jobs.process import process_wide
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.score.breaker import BreakerSettings, TooManyRejected
from beam_jobs.stream.score.event_policy import EventPolicy, GuardedScoring, Judged
from schemas.rejection import Reason, Rejection, Stage

BAD = [Rejection(row, Stage.DECODE, Reason.TYPE, "/fare") for row in range(100)]
TOMBSTONE = Rejection(3, Stage.DECODE, Reason.TOMBSTONE)


def policy(mode, job="job", limit_s=60.0):
    return EventPolicy(breaker=BreakerSettings(mode, 0.05, 100, limit_s=limit_s), job=job)


@pytest.fixture
def guarded():
    made = []

    def make(*settings):
        made.append(GuardedScoring(policy(*settings)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_tombstones_are_rejected_or_dropped():
    assert EventPolicy().split([BAD[0], TOMBSTONE]) == ([BAD[0], TOMBSTONE], [])
    assert EventPolicy(drop_tombstones=True).split([BAD[0], TOMBSTONE]) == ([BAD[0]], [TOMBSTONE])


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


EVENTS, FEW = (batch([0] * count, [[]] * count) for count in (100, 60))


def judging(what, rejections, generation=1):
    return lambda events: Judged(what, rejections, generation)


def test_a_batch_that_trips_the_breaker_does_not_come_out(guarded):
    one = guarded("stop")
    assert one.scored(EVENTS, judging("fine", BAD[:5]), lambda: 1).outcome == "fine"
    with pytest.raises(TooManyRejected, match=r"10[05] TYPE at /fare.* t/0/0 \(TYPE at /fare\)"):
        one.scored(EVENTS, judging("bad", BAD), lambda: 1)


def test_a_breaker_that_is_off_lets_out_what_would_trip_it(guarded):
    with pytest.raises(TooManyRejected):
        guarded("stop").scored(EVENTS, judging("bad", BAD), lambda: 1)
    off = guarded("off")
    assert [off.scored(EVENTS, judging("bad", BAD), lambda: 1).outcome for _ in range(3)] == ["bad"] * 3


def test_a_held_batch_is_scored_anew_by_the_next_generation(guarded):
    serves, tries = iter([1, 1, 1, 2]), []

    def score(events):
        tries.append(events)
        return judging("good", [], 2)(events) if len(tries) == 2 else judging("bad", BAD)(events)

    assert guarded("hold").scored(EVENTS, score, lambda: next(serves)).outcome == "good"
    assert tries == [EVENTS, EVENTS]


def test_a_rollback_between_the_scoring_and_the_hold_is_seen(guarded):
    serves = [1]

    def score(events):
        judged = judging("good", [], 2)(events) if serves == [2] else judging("bad", BAD)(events)
        serves[0] = 2  # the pointer moves after the batch was judged, before the breaker has heard of it
        return judged

    one = guarded("hold", "rollback meanwhile", 0.0)
    assert one.scored(EVENTS, score, lambda: serves[0]).outcome == "good"


def test_the_breaker_is_one_per_job_and_process(guarded):
    first, second, other = guarded("stop"), guarded("stop"), guarded("stop", "another job")
    first.scored(FEW, judging("", BAD[:60]), lambda: 1)
    other.scored(FEW, judging("", BAD[:60]), lambda: 1)
    with pytest.raises(TooManyRejected, match="120 of 120"):
        second.scored(FEW, judging("", BAD[:60]), lambda: 1)


def test_a_job_that_holds_answers_the_stop_signal(guarded):
    process_wide.stop_signal("stopped job").set()
    with pytest.raises(TooManyRejected):
        guarded("hold", "stopped job", 1e9).scored(EVENTS, judging("", BAD), lambda: 1)
