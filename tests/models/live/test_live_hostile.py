"""The live scorer with pointers and bundles made to harm it: the old ones go on serving, the next good one is taken."""

import dataclasses
import errno
import logging
import os
import shutil
import threading
import time

import pytest

from models.isolation.trial import Trials
from models.live import pointer_watch
from models.live.live import LiveScorer
from models.registry.pointer import LIVE_FILE
from models.registry.registry import Registry
from models.variants.variants import Variants
from schemas.errors import ArtifactError, OnegraphError
from tests.support.deadly_work import CheckOf, CheckOfOthers, nothing
from tests.support.first_at_once import first_at_once
from tests.support.hostile_bundles import CRASHING, FACTS, POINTERS, graph_that_never_ends, spoiled
from tests.support.waiting import wait_until

SOON_S = 60


@pytest.fixture
def own(registry, tmp_path) -> Registry:
    return Registry(shutil.copytree(registry, tmp_path / "registry"))


@pytest.fixture
def follow(trials):
    """Follow a registry with settings of its own; closed at the end."""
    made = []

    def start(own, **settings):
        made.append(LiveScorer(own.path, **{"poll_s": 0.02, "trials": trials} | settings))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def impatient(monkeypatch):
    """Looks at the pointer are late, and given up, soon."""
    monkeypatch.setattr(pointer_watch, "_LATE_S", 0.3)
    monkeypatch.setattr(pointer_watch, "_PATIENCE_S", 0.3)


def point_at(own, *bundles, generation=None):
    """Forge a pointer to bundles, a champion and shadows, with the next generation's number or one given."""
    live = own.released()
    variants = Variants(bundles[0], shadows=bundles[1:])
    forged = dataclasses.replace(live, generation=generation or live.generation + 1, variants=variants)
    (own.path / "next").write_text(forged.text())
    os.replace(own.path / "next", own.path / LIVE_FILE)
    return forged


@pytest.mark.parametrize("name", first_at_once(POINTERS))
def test_a_hostile_pointer_is_counted_and_logged_once(own, follow, second_candidate, name, caplog, impatient):
    """And the next one is taken."""
    caplog.set_level(logging.WARNING, "models")
    following = follow(own)
    old, text = following.current(), (own.path / LIVE_FILE).read_text()
    POINTERS[name](own.path)
    wait_until(lambda: following.refused == 1, "it is not refused")
    wait_until(lambda: following.late() != "", "it is not said that the pointer is not read")
    assert following.blocked() == ""
    assert (following.current(), following.refused) == (old, 1)
    (line,) = caplog.messages
    assert "pointer cannot be followed" in line
    assert "\n" not in line
    own_again = Registry(own.path)
    if (own.path / LIVE_FILE).is_dir():
        (own.path / LIVE_FILE).rmdir()
    (own.path / "next").write_text(text)
    os.replace(own.path / "next", own.path / LIVE_FILE)
    pointer = own_again.release(second_candidate, "tests", "now", "")
    assert following.wait_for(pointer, SOON_S)
    assert following.generation == pointer.generation
    assert following.late() == ""


def test_close_does_not_wait_for_a_look_that_does_not_come_back(own, follow, impatient):
    following = follow(own)
    POINTERS["a pipe"](own.path)
    wait_until(lambda: following.refused == 1, "it is not refused")
    began = time.monotonic()
    following.close()
    assert time.monotonic() - began < SOON_S
    assert following.late() == following.blocked() == "", "nobody follows, and nobody is to"


def test_the_threads_live_on_whatever_is_raised(own, follow, second_bundle, monkeypatch):
    asked = []

    def fail(*_):
        asked.append(threading.current_thread())
        raise SystemExit("no reason")

    following = follow(own)
    monkeypatch.setattr(following._registry, "live", fail)
    wait_until(lambda: following.refused == 1, "it is not counted")
    monkeypatch.setattr(following._registry, "bundle_path", fail)
    monkeypatch.setattr(following._registry, "live", own.live)
    assert following.wait_for(second_bundle(own.path), SOON_S)
    assert (following.generation, following.refused) == (1, 2)
    assert following.blocked() == ""
    monkeypatch.undo()
    assert following.wait_for(own.rollback(None, "tests", "now", ""), SOON_S)
    assert following.generation == 3
    assert len({thread.name for thread in asked}) == 2


def test_whoever_hears_of_a_change_and_fails_ends_nothing(own, follow, second_bundle):
    def fail(change):
        raise ValueError("a measure that nobody declared")

    following = follow(own, on_change=fail)
    POINTERS["empty"](own.path)
    wait_until(lambda: following.refused == 1, "it is not refused")
    shutil.copy(own.path / "history" / "000001.json", own.path / LIVE_FILE)
    assert following.wait_for(second_bundle(own.path), SOON_S)


@pytest.mark.parametrize("spoil", first_at_once({**CRASHING, **FACTS}.values()), ids=[*CRASHING, *FACTS])
def test_a_hostile_bundle_is_refused_in_every_role_and_the_next_is_taken(own, follow, second_candidate, spoil, caplog):
    caplog.set_level(logging.WARNING, "models")
    following = follow(own)
    old = following.current()
    bad = spoiled(own.champion(), spoil)
    for generation, bundles in ((2, [bad]), (3, [old.champion.bundle_id, bad])):
        assert following.wait_for(point_at(own, *bundles, generation=generation), SOON_S)
    assert following.refused == 2
    assert following.current() is old
    assert all("generation " in line and "\n" not in line for line in caplog.messages)
    shutil.copy(own.path / "history" / "000001.json", own.path / LIVE_FILE)
    pointer = own.release(second_candidate, "tests", "now", "")
    assert following.wait_for(pointer, SOON_S)
    assert following.generation == pointer.generation
    point_at(own, bad, generation=9)
    with pytest.raises(
        ArtifactError, match=r"generation 9 refused: .*; nothing serves: `onegraph rollback` lets .* serve$"
    ):
        follow(own)


@pytest.mark.needs_time
def test_a_bundle_that_hangs_does_not_keep_a_rollback_waiting(own, follow, second_bundle):
    """Its graph loops for ever in the golden replay; a look at the pointer ends the trial."""
    own_trials = Trials()
    following = follow(own, trials=own_trials)
    try:
        bad = spoiled(own.champion(), graph_that_never_ends)
        child = own_trials.pid
        point_at(own, bad)
        wait_until(lambda: following.loader.trying == bad or following.refused, "it is not tried")
        pointer = second_bundle(own.path)
        assert following.wait_for(pointer, SOON_S)
        assert following.generation == pointer.generation
        assert child is not None
    finally:
        following.close()
        own_trials.close()


@pytest.mark.needs_time
def test_a_bundle_that_takes_too_long_is_refused(own, follow, tmp_path):
    hanging = CheckOf(spoiled(own.champion(), lambda path: {"threshold": 0.01}), "hang", str(tmp_path / "begun"))
    own_trials = Trials(deadline_s=20)
    following = follow(own, trials=own_trials, check=hanging)
    try:
        forged = point_at(own, hanging.bundle)
        wait_until(lambda: (tmp_path / "begun").exists(), "it does not begin")
        child = own_trials.pid
        assert following.wait_for(forged, SOON_S)
        assert following.refused == 1
        assert not os.path.exists(f"/proc/{child}")
    finally:
        following.close()
        own_trials.close()


@pytest.mark.parametrize("what", first_at_once(["abort", "refuse"]))
def test_a_bundle_that_ends_its_process_is_refused_and_not_loaded_here(own, follow, what):
    bad = spoiled(own.champion(), lambda path: {"threshold": 0.01})
    own_trials = Trials()
    following = follow(own, trials=own_trials, check=CheckOf(bad, what))
    try:
        assert following.wait_for(point_at(own, bad), SOON_S)
        assert (following.generation, following.refused) == (1, 1)
    finally:
        following.close()
    try:
        with pytest.raises(OnegraphError, match="SIGABRT.*onegraph rollback" if what == "abort" else "no field 'fare'"):
            follow(own, trials=own_trials, check=CheckOf(bad, what))
    finally:
        own_trials.close()


@pytest.mark.needs_time
def test_a_child_that_is_killed_is_no_fault_of_the_bundle(own, follow, second_bundle, tmp_path):
    """The machine may have no memory left; the bundle is tried again, and the follower waits for it."""
    killed = tmp_path / "killed"
    own_trials = Trials()
    check = CheckOfOthers(own.released().champion, "killed once", str(killed))
    following = follow(own, trials=own_trials, retry_s=0.02, check=check)
    try:
        pointer = second_bundle(own.path)
        assert following.wait_for(pointer, SOON_S)
        assert (following.generation, following.refused) == (2, 0)
        assert killed.exists()
    finally:
        following.close()
        own_trials.close()


def test_a_forged_pointer_that_took_the_next_number_does_not_hide_the_true_one(own, follow, second_bundle):
    following = follow(own)
    forged = point_at(own, "0123456789ab")
    assert following.wait_for(forged, SOON_S)
    assert (following.generation, following.refused) == (1, 1)
    shutil.copy(own.path / "history" / "000001.json", own.path / LIVE_FILE)
    pointer = second_bundle(own.path)
    assert pointer.generation == forged.generation
    assert following.wait_for(pointer, SOON_S)
    assert following.current().champion.bundle_id == pointer.champion


@pytest.mark.needs_time
def test_what_was_tried_before_is_not_tried_again(own, follow, second_bundle):
    own_trials = Trials()
    following = follow(own, trials=own_trials)
    first = following.current().champion.bundle_id
    second_bundle(own.path)
    assert following.wait_for(2, SOON_S)
    own_trials.close()  # nobody can have anything tried any more
    pointer = own.rollback(first, "tests", "now", "")
    assert following.wait_for(pointer, SOON_S)
    assert following.current().champion.bundle_id == first


@pytest.mark.needs_time
def test_a_pointer_that_changes_while_its_first_bundle_is_tried_ends_the_second(own, follow, second_bundle, tmp_path):
    """The first is of use to it, and is tried to the end; the second cannot be read, and nobody asks for it."""
    new = second_bundle(own.path).champion
    shutil.copy(own.path / "history" / "000001.json", own.path / LIVE_FILE)
    begun, unreadable, real = tmp_path / "begun", "0123456789ab", own.bundle_path

    def bundle_path(bundle, *more):
        if bundle == unreadable:
            raise OSError(errno.EIO, "input/output error")
        return real(bundle, *more)

    own_trials = Trials()
    following = follow(own, trials=own_trials, check=CheckOf(new, "wait", str(begun)))
    following._registry.bundle_path = bundle_path
    try:
        point_at(own, new, unreadable, generation=6)
        wait_until(begun.exists, "it is not tried")
        wanted = point_at(own, new, generation=7)
        wait_until(lambda: following._wanted == wanted, "it is not looked at")
        (tmp_path / "begun.go").touch()
        assert following.wait_for(wanted, SOON_S)
        assert (following.generation, following.refused) == (7, 0)
    finally:
        following.close()
        own_trials.close()


def test_a_bundle_that_is_still_fetched_is_left_for_a_pointer_without_it(own, follow, second_bundle):
    """As one is whose registry is far away."""
    first, fetching, real = own.released().champion, threading.Event(), own.bundle_path

    def bundle_path(bundle, still_wanted):
        while bundle != first:
            fetching.set()
            still_wanted()
            time.sleep(0.02)
        return real(bundle)

    following = follow(own)
    following._registry.bundle_path = bundle_path
    second_bundle(own.path)
    assert fetching.wait(SOON_S)
    pointer = own.rollback(first, "tests", "now", "")
    assert following.wait_for(pointer, SOON_S)
    assert following.refused == 0


@pytest.mark.needs_time
@pytest.mark.parametrize("what", ["no memory", "hang"])
def test_a_refusal_for_what_may_pass_is_not_for_ever(own, follow, what, tmp_path, caplog):
    """The machine had no memory or no time; another generation with this bundle has it tried again."""
    caplog.set_level(logging.WARNING, "models.live.live")
    bad = spoiled(own.champion(), lambda path: {"threshold": 0.01})
    own_trials = Trials(deadline_s=5)
    following = follow(own, trials=own_trials, check=CheckOf(bad, what))
    try:
        for generation in (2, 3):
            assert following.wait_for(point_at(own, bad, generation=generation), SOON_S)
        assert following.refused == 2
        assert not [line for line in caplog.messages if "refused before" in line]
    finally:
        following.close()
        own_trials.close()


def test_what_was_loaded_for_a_refused_generation_is_not_kept(own, follow, second_bundle):
    following = follow(own)
    new = second_bundle(own.path).champion
    forged = point_at(own, new, "0123456789ab", generation=9)
    assert following.wait_for(forged, SOON_S)
    assert following.loader.kept == ()


@pytest.mark.needs_time
def test_a_child_that_nobody_needs_rests_while_there_is_no_pointer_too(own, follow):
    own_trials = Trials(idle_s=0)
    following = follow(own, trials=own_trials)
    try:
        POINTERS["gone"](own.path)
        wait_until(lambda: following.refused == 1, "it is not said")
        own_trials.run("it", nothing)
        wait_until(lambda: own_trials.pid is None, "it does not rest")
    finally:
        following.close()
        own_trials.close()
