"""What is dropped, and scoring behind the breaker: held, scored anew by another bundle, or ended."""

import pytest

from beam_jobs import process_wide
from beam_jobs.breaker import BreakerSettings, TooManyRejected
from beam_jobs.event_policy import EventPolicy, GuardedScoring
from beam_jobs.events import EventBatch
from schemas.rejection import Reason, Rejection, Stage

BAD = [Rejection(row, Stage.DECODE, Reason.TYPE) for row in range(100)]
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


def test_a_batch_that_trips_the_breaker_does_not_come_out(guarded):
    one = guarded("stop")
    assert one.scored(100, lambda: ("fine", BAD[:5]), lambda: 1) == ("fine", BAD[:5])
    with pytest.raises(TooManyRejected, match=r"10[05] TYPE"):
        one.scored(100, lambda: ("bad", BAD), lambda: 1)


def test_a_breaker_that_is_off_lets_out_what_would_trip_it(guarded):
    with pytest.raises(TooManyRejected):
        guarded("stop").scored(100, lambda: ("bad", BAD), lambda: 1)
    asked = []
    off = guarded("off")
    for _ in range(3):
        assert off.scored(100, lambda: asked.append("scored") or ("bad", BAD), lambda: 1) == ("bad", BAD)
    assert asked == ["scored"] * 3


def test_a_held_batch_is_scored_anew_by_the_next_generation(guarded):
    generation, tries = [1], []

    def score():
        tries.append(generation[0])
        return ("good", []) if generation[0] == 2 else ("bad", BAD)

    generations = iter([1, 1, 2, 2, 2, 2])

    def current():
        generation[0] = next(generations)
        return generation[0]

    assert guarded("hold").scored(100, score, current) == ("good", [])
    assert tries == [1, 2]


def test_the_breaker_is_one_per_job_and_process(guarded):
    first, second, other = guarded("stop"), guarded("stop"), guarded("stop", "another job")
    first.scored(60, lambda: ("", BAD[:60]), lambda: 1)
    other.scored(60, lambda: ("", BAD[:60]), lambda: 1)
    with pytest.raises(TooManyRejected, match="120 of 120"):
        second.scored(60, lambda: ("", BAD[:60]), lambda: 1)


def test_a_job_that_holds_answers_the_stop_signal(guarded):
    process_wide.stop_signal("stopped job").set()
    with pytest.raises(TooManyRejected):
        guarded("hold", "stopped job", 1e9).scored(100, lambda: ("", BAD), lambda: 1)
