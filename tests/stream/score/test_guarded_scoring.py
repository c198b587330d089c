"""Scoring behind the breaker: held, scored anew by another bundle, or ended."""

import pytest

from beam_jobs.process import process_wide
from beam_jobs.stream.score.breaker import BreakerSettings, TooManyRejected
from beam_jobs.stream.score.guarded_scoring import GuardedScoring, Judged
from schemas.rejection import Reason, Rejection, Stage
from tests.stream.score.test_event_policy import batch
from tests.support.stream_jobs import stream_job

BAD = [Rejection(row, Stage.DECODE, Reason.TYPE, "/fare") for row in range(100)]


@pytest.fixture
def guarded():
    made = []

    def make(mode, job="job", limit_s=60.0):
        made.append(GuardedScoring(stream_job(name=job, hold_s=limit_s), BreakerSettings(mode, 0.05, 100)))
        return made[-1]

    yield make
    for one in made:
        one.close()


EVENTS, FEW = (batch([0] * count, [[]] * count) for count in (100, 60))


def judging(what, rejections, generation=1):
    return lambda events: Judged(what, rejections, generation, frozenset({"/fare"}))


def test_a_batch_that_trips_the_breaker_does_not_come_out(guarded):
    one = guarded("stop")
    assert one.scored(EVENTS, judging("fine", BAD[:5]), lambda: 1).outcome == "fine"
    with pytest.raises(TooManyRejected, match=r"10[05] TYPE at /fare.* t/0/0 \(TYPE at /fare\)"):
        one.scored(EVENTS, judging("bad", BAD), lambda: 1)


def test_no_name_that_a_sender_made_up_is_in_the_line(guarded):
    made_up = [Rejection(row, Stage.DECODE, Reason.TYPE, f"/{row}@example.org") for row in range(100)]
    with pytest.raises(TooManyRejected, match=r"100 TYPE\), .* where t/0/0 \(TYPE\) is one") as refused:
        guarded("stop", "made up").scored(EVENTS, judging("bad", made_up), lambda: 1)
    assert "example.org" not in str(refused.value)


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
