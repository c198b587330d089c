"""The breaker trips on a share of enough events within its window, and closes for another generation."""

import dataclasses
import threading
import time

import pytest

from beam_jobs.monitoring import measures
from beam_jobs.stream.score.breaker import Breaker, BreakerSettings, TooManyRejected

TYPE, RANGE, REQUIRED, TIMEOUT = ("TYPE", "/fare"), ("RANGE", "/fare"), ("REQUIRED", "/company"), ("TIMEOUT", "")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def breaker(clock=None, limit_s=300.0, **settings):
    standard = BreakerSettings(mode="stop", share=0.05, events=1_000)
    return Breaker(dataclasses.replace(standard, **settings), limit_s, clock or Clock())


def test_it_trips_above_the_share_and_not_at_it():
    one = breaker()
    one.add(950, {})
    one.add(50, {TYPE: 50})
    with pytest.raises(
        TooManyRejected, match=r"^51 of 1,001 events within 60 s are rejected \(50 TYPE at /fare, 1 RANGE at /fare\)"
    ):
        one.add(1, {RANGE: 1})


def test_few_events_trip_nothing():
    one = breaker()
    one.add(999, {TYPE: 999})
    with pytest.raises(TooManyRejected, match="1,000 of 1,000"):
        one.add(1, {TYPE: 1})


def test_the_batch_that_tripped_is_counted_once_when_it_comes_again():
    one = breaker()
    one.add(949, {})
    for _ in range(2):
        with pytest.raises(TooManyRejected, match="51 of 1,000"):
            one.add(51, {TYPE: 51})


def test_what_is_older_than_the_window_is_forgotten():
    clock = Clock()
    one = breaker(clock)
    one.add(999, {TYPE: 40})
    clock.now = 59.9
    with pytest.raises(TooManyRejected):
        one.add(20, {TYPE: 20})
    clock.now = 60.0
    one.add(20, {TYPE: 20})
    one.add(980, {})
    one.add(10, {TYPE: 10})


def test_the_top_reasons_are_named_in_one_line():
    one = breaker()
    with pytest.raises(TooManyRejected) as caught:
        one.add(1_000, {TYPE: 500, RANGE: 3, REQUIRED: 200, TIMEOUT: 1})
    assert "(500 TYPE at /fare, 200 REQUIRED at /company, 3 RANGE at /fare)" in str(caught.value)
    assert "TIMEOUT" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_off_neither_trips_nor_keeps_anything():
    on, off = breaker(), breaker(mode="off")
    with pytest.raises(TooManyRejected):
        on.add(1_000_000, {TYPE: 1_000_000})
    on.add(1_000_000, {})
    for rejected in ({TYPE: 1_000_000}, {}):
        off.add(1_000_000, rejected)
    assert (len(on._batches), len(off._batches)) == (1, 0)


def test_the_line_says_what_is_wrong_where_with_an_example_and_what_to_do():
    one = breaker()
    one.add(500, {RANGE: 25})
    with pytest.raises(TooManyRejected) as caught:
        one.add(1_500, {TYPE: 1_500}, example=lambda fault: f"trips/3/17 of {fault[0]}")
    for said in (
        "1,525 of 2,000 events within 60 s are rejected (1,500 TYPE at /fare, 25 RANGE at /fare)",
        "it is in no topic but the source's, where trips/3/17 of TYPE (TYPE at /fare) is one of it",
        "`onegraph rollback`",
        "mend the producer",
        "--breaker off",
    ):
        assert said in str(caught.value)
    assert "tail" not in str(caught.value), "nothing of the batch is in the rejected topic"


def test_the_example_is_of_the_batch_that_trips_it():
    one = breaker()
    one.add(1_000, {TYPE: 49})
    with pytest.raises(TooManyRejected, match=r"trips/0/1 \(TIMEOUT\)"):
        one.add(10, {TIMEOUT: 10}, example=lambda fault: "trips/0/1" if fault == TIMEOUT else "not of this batch")


def test_holding_ends_with_another_generation():
    one = breaker(mode="hold", limit_s=1e9)
    with pytest.raises(TooManyRejected) as caught:
        one.add(2_000, {TYPE: 2_000}, generation=1)
    generations = iter([1, 1, 2, 2, 2])
    one.wait(caught.value, 1, lambda: next(generations), threading.Event())
    assert measures.STORE.value("last_hold_seconds") > time.time() - 10
    one.add(2_000, {TYPE: 20}, generation=2)


def test_a_generation_that_came_while_the_batch_was_judged_ends_the_hold_at_once():
    clock = Clock()
    one = breaker(clock, mode="hold", limit_s=0.0)  # no time to wait in
    with pytest.raises(TooManyRejected) as caught:
        one.add(2_000, {TYPE: 2_000}, generation=1)
    one.wait(caught.value, 1, lambda: 2, threading.Event())


@pytest.mark.parametrize("why", ["stop signal", "limit", "mode stop"])
def test_holding_ends_with_the_error(why):
    clock, stop = Clock(), threading.Event()
    one = breaker(clock, mode="stop" if why == "mode stop" else "hold", limit_s=1e9)
    if why == "stop signal":
        stop.set()

    def generation():
        if why == "limit":
            clock.now += 1e9
        return 1

    with pytest.raises(TooManyRejected, match="many"):
        one.wait(TooManyRejected("many"), 1, generation, stop)
