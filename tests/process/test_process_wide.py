"""One thing per key and process: made once, closed once, and nobody waits for the thing of another key."""

import concurrent.futures
import threading

import pytest

from beam_jobs.process import process_wide

PATIENCE_S = 120


class Thing:
    """Closes when `may_close` is set."""

    def __init__(self, may_close=None):
        self.closed, self.closing, self.may_close = False, threading.Event(), may_close

    def close(self):
        self.closing.set()
        if self.may_close is not None:
            assert self.may_close.wait(PATIENCE_S)
        self.closed = True


@pytest.fixture
def others():
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        yield threads.submit


def test_while_one_thing_is_made_others_and_the_stop_signal_are_there_at_once(others):
    begun, may_go_on, slow = threading.Event(), threading.Event(), Thing()

    def make():
        begun.set()
        assert may_go_on.wait(PATIENCE_S)
        return slow

    making = others(process_wide.borrow, "a bundle that loads", make)
    assert begun.wait(PATIENCE_S)
    try:
        assert not others(process_wide.stop_signal, "job of process_wide").result(PATIENCE_S).is_set()
        other = Thing()
        assert others(process_wide.borrow, "another", lambda: other).result(PATIENCE_S) is other
        others(process_wide.give_back, "another").result(PATIENCE_S)
        assert other.closed
    finally:
        may_go_on.set()
    assert making.result(PATIENCE_S) is slow
    process_wide.give_back("a bundle that loads")


def test_borrowers_of_one_key_have_one_thing_which_the_last_of_them_closes(others):
    made, together = [], threading.Barrier(8)

    def make():
        made.append(Thing())
        return made[-1]

    def borrow():
        together.wait(PATIENCE_S)
        return process_wide.borrow("shared", make)

    found = [one.result(PATIENCE_S) for one in [others(borrow) for _ in range(8)]]
    assert found == made * 8
    for _ in range(7):
        process_wide.give_back("shared")
    assert not made[0].closed
    process_wide.give_back("shared")
    assert made[0].closed


def test_a_make_that_raises_leaves_nothing_and_who_waited_for_it_makes_his_own(others):
    begun, may_fail, thing = threading.Event(), threading.Event(), Thing()

    def fail():
        begun.set()
        assert may_fail.wait(PATIENCE_S)
        raise OSError("no broker")

    failing = others(process_wide.borrow, "fails", fail)
    assert begun.wait(PATIENCE_S)
    waiting = others(process_wide.borrow, "fails", lambda: thing)
    may_fail.set()
    with pytest.raises(OSError, match="no broker"):
        failing.result(PATIENCE_S)
    assert waiting.result(PATIENCE_S) is thing
    process_wide.give_back("fails")
    assert thing.closed, "who failed counts as no borrower"
    with pytest.raises(KeyError):
        process_wide.give_back("fails")


def test_nothing_new_is_made_before_the_old_one_is_closed(others):
    old = Thing(may_close=threading.Event())
    process_wide.borrow("port", lambda: old)
    closing = others(process_wide.give_back, "port")
    assert old.closing.wait(PATIENCE_S)
    closed_before = []

    def make():
        closed_before.append(old.closed)
        return Thing()

    new = others(process_wide.borrow, "port", make)
    old.may_close.set()
    closing.result(PATIENCE_S)
    new.result(PATIENCE_S)
    assert closed_before == [True]
    process_wide.give_back("port")
