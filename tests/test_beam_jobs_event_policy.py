"""What is dropped, and scoring behind the breaker: held, scored anew by another bundle, or ended."""

import pytest

from beam_jobs import process_wide
from beam_jobs.breaker import BreakerSettings, TooManyRejected
from beam_jobs.event_policy import EventPolicy, GuardedScoring
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


def test_a_batch_that_trips_the_breaker_does_not_come_out(guarded):
    one = guarded("stop")
    assert one.scored(100, lambda: ("fine", BAD[:5]), lambda: 1) == ("fine", BAD[:5])
    with pytest.raises(TooManyRejected, match=r"10[05] TYPE"):
        one.scored(100, lambda: ("bad", BAD), lambda: 1)


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
