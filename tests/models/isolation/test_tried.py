"""What was tried is known to the next process; two do not try at once."""

import threading

import pytest

from models.isolation.tried import TriedBundles, name_of
from tests.support.deadly_work import CheckOf


def test_what_was_tried_is_known_to_the_next(tmp_path):
    TriedBundles(tmp_path).add("a")
    found = TriedBundles(tmp_path)
    assert "a" in found
    assert "b" not in found


def test_where_the_folder_cannot_be_written_it_is_known_here(tmp_path):
    found = TriedBundles(tmp_path / "gone")
    found.add("a")
    assert "a" in found
    with found.in_turn(threading.Event()):
        pass


def test_without_a_folder_it_is_known_here():
    found = TriedBundles()
    found.add("a")
    assert "a" in found
    assert "a" not in TriedBundles()


def test_one_at_a_time_but_whoever_is_not_wanted_does_not_wait(tmp_path):
    order, ended = [], threading.Event()

    def other():
        with TriedBundles(tmp_path).in_turn(threading.Event()):
            order.append("other")

    waiting = threading.Thread(target=other)
    with TriedBundles(tmp_path).in_turn(ended):
        waiting.start()
        ended.set()
        with TriedBundles(tmp_path).in_turn(ended):
            order.append("first")
    waiting.join()
    assert order == ["first", "other"]


def test_one_that_was_stopped_is_not_waited_for(tmp_path):
    with TriedBundles(tmp_path).in_turn(threading.Event()):
        done = threading.Event()

        def other():
            with TriedBundles(tmp_path, patience_s=0.3).in_turn(threading.Event()):
                done.set()

        threading.Thread(target=other, daemon=True).start()
        assert done.wait(30), "it waits for ever"


@pytest.mark.parametrize("other", [({"a": 2}, CheckOf("", "abort")), ({"a": 1}, CheckOf("", "hang"))])
def test_another_content_or_check_is_another_name(other):
    ours = name_of({"a": 1}, "xgboost", CheckOf("", "abort"))
    assert ours == name_of({"a": 1}, "xgboost", CheckOf("", "abort"))
    content, check = other
    assert ours != name_of(content, "xgboost", check)
